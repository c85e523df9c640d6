/**
 * Network devices by `ip`: what there is, and what ours are to be.
 *
 *   ip -json ─[read]→ NetDevice[] ; DeviceWish ─[configure]→ what differs, as one `ip -batch`
 *
 * Invariant: whose a device is, is written in its alias, which is set after everything that is only set once: a device without
 * it was never finished. A wish that is fulfilled already writes nothing.
 */

import { printAddress } from '../../net/address.ts';
import { type InterfaceAddress, parseCidr } from '../../net/prefix.ts';
import { err, ok, type Result } from '../../result.ts';
import { printProgramError, runProgram } from '../run-program.ts';

export interface NetDevice {
  readonly name: string;
  readonly index: number;
  /** `vlan`, `veth`, `tun`, `wireguard`, …; undefined for hardware. */
  readonly kind: string | undefined;
  readonly alias: string | undefined;
  /** Bytes. */
  readonly mtu: number;
  /** Of the link layer; undefined where it has none. */
  readonly mac: string | undefined;
  /** Switched on. */
  readonly isUp: boolean;
  /** Switched on, and the layer below carries: what routes through it depend on. */
  readonly hasCarrier: boolean;
  /** The device below, or the other end of a pair. */
  readonly below: string | undefined;
  /** Of a kernel VLAN. */
  readonly vlanId: number | undefined;
  /** Of an XFRM interface. */
  readonly ifId?: number | undefined;
  /** Without link-local ones. */
  readonly addresses: readonly InterfaceAddress[];
}

/** What is left out stays as it is. */
export interface DeviceWish {
  readonly alias?: string | undefined;
  readonly mtu?: number | undefined;
  /** These and no others, beside link-local ones. */
  readonly addresses?: readonly InterfaceAddress[] | undefined;
  readonly isUp?: boolean | undefined;
}

export interface NetDevicesError {
  readonly message: string;
}

export interface NetDevices {
  read(): Promise<Result<readonly NetDevice[], NetDevicesError>>;
  /** `seen` is the device as read just now, which spares reading it again. */
  configure(name: string, wish: DeviceWish, seen?: NetDevice): Promise<Result<void, NetDevicesError>>;
  setUp(name: string, isUp: boolean): Promise<Result<void, NetDevicesError>>;
  /** No error where it is gone already. */
  remove(name: string): Promise<Result<void, NetDevicesError>>;
  /** Settings below /proc/sys/net, such as `ipv4/conf/eth0/rp_filter`. Those of a family the kernel has not are passed over. */
  setSysctls(settings: readonly (readonly [path: string, value: string])[]): Promise<Result<void, NetDevicesError>>;
  /** Commands of `ip`, without the word `ip`, up to the first that fails. */
  change(commands: readonly string[]): Promise<Result<void, NetDevicesError>>;
}

/** Beside a device's addresses, what its routes need: decisions are BIRD's, and a tunnel's answers may come another way. */
const ownSettings: readonly (readonly [path: string, value: string])[] = [
  ['ipv4/conf/*/rp_filter', '0'],
  ['ipv6/conf/*/accept_ra', '0'],
  ['ipv6/conf/*/accept_dad', '0'],
  ['ipv6/conf/*/keep_addr_on_down', '1'],
];

/** How devices of one router's Attachment are marked. */
export function aliasOf(router: string, attachment: string): string {
  return `causeway ${router} ${attachment}`;
}

export function isOfRouter(router: string, device: NetDevice): boolean {
  return device.alias?.startsWith(aliasOf(router, '')) === true;
}

/** Whose the device is, by its mark; undefined where it has none. */
export function attachmentOf({ alias }: NetDevice): string | undefined {
  return alias?.split(' ')[2];
}

/** `launcher`: program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
export function createNetDevices({ launcher = [] }: { readonly launcher?: readonly string[] } = {}): NetDevices {
  async function run(command: readonly string[], input?: string): Promise<Result<string, NetDevicesError>> {
    const [program = '', ...args] = [...launcher, ...command];
    const output = await runProgram(program, args, input === undefined ? {} : { input });
    if (!output.ok) return err({ message: printProgramError(output.error) });
    const { exitCode, stdout, stderr } = output.value;
    return exitCode === 0 ? ok(stdout) : err({ message: kernelAnswer(stderr) });
  }

  async function readSome(only: readonly string[]): Promise<Result<readonly NetDevice[], NetDevicesError>> {
    const output = await run(['ip', '-json', '-details', 'address', 'show', ...only]);
    if (!output.ok) return output;
    try {
      const links = JSON.parse(output.value === '' ? '[]' : output.value) as readonly IpLink[];
      return ok(links.filter(({ ifname }) => ifname !== undefined).map(parseDevice));
    } catch {
      return err({ message: `ip did not answer in JSON: ${output.value.slice(0, 80)}` });
    }
  }

  async function change(commands: readonly string[]): Promise<Result<void, NetDevicesError>> {
    if (commands.length === 0) return ok(undefined);
    const done = await run(['ip', '-batch', '-'], commands.map((command) => `${command}\n`).join(''));
    return done.ok ? ok(undefined) : done;
  }

  async function setSysctls(
    settings: readonly (readonly [path: string, value: string])[],
  ): Promise<Result<void, NetDevicesError>> {
    // Slashes, since a device's name may have dots in it.
    const words = settings.map(([path, value]) => `net/${path}=${value}`);
    const done = await run(['sysctl', '--quiet', '--ignore', '--write', ...words]);
    return done.ok ? ok(undefined) : done;
  }

  return {
    read: () => readSome([]),
    async configure(name, wish, seen) {
      const read = seen ? ok([seen]) : await readSome(['dev', name]);
      if (!read.ok) return read;
      const device = read.value[0];
      if (!device) return err({ message: `there is no device ${name}` });
      if (wish.alias !== undefined && wish.alias !== device.alias) {
        const claimed = await setSysctls(ownSettings.map(([path, value]) => [path.replace('*', name), value]));
        if (!claimed.ok) return claimed;
      }
      return change(differences(device, wish));
    },
    setUp: (name, isUp) => change([`link set dev ${name} ${isUp ? 'up' : 'down'}`]),
    async remove(name) {
      const removed = await change([`link delete dev ${name}`]);
      if (removed.ok || !removed.error.message.includes('Cannot find device')) return removed;
      return ok(undefined);
    },
    setSysctls,
    change,
  };
}

/** What turns the device into what is wished: addresses before it is up, so that nothing is sent from a wrong one. */
function differences(device: NetDevice, { alias, mtu, addresses, isUp }: DeviceWish): string[] {
  const dev = `dev ${device.name}`;
  const commands: string[] = [];
  if (mtu !== undefined && mtu !== device.mtu) commands.push(`link set ${dev} mtu ${mtu}`);
  if (addresses) {
    const [has, wants] = [device.addresses.map(printInterfaceAddress), addresses.map(printInterfaceAddress)];
    // The last first: with the first IPv4 address of a subnet the kernel takes the others of it away, and would miss them.
    for (const one of has.toReversed()) if (!wants.includes(one)) commands.push(`address delete ${one} ${dev}`);
    for (const one of wants)
      if (!has.includes(one)) commands.push(`address add ${one} ${dev}${one.includes(':') ? ' nodad' : ''}`);
  }
  if (alias !== undefined && alias !== device.alias) commands.push(`link set ${dev} alias "${alias}"`);
  if (isUp !== undefined && isUp !== device.isUp) commands.push(`link set ${dev} ${isUp ? 'up' : 'down'}`);
  return commands;
}

function printInterfaceAddress({ address, length }: InterfaceAddress): string {
  return `${printAddress(address)}/${length}`;
}

interface IpLink {
  readonly ifname?: string;
  readonly ifindex: number;
  readonly link?: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly link_type?: string;
  readonly address?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    /** `if_id` is hexadecimal. */
    readonly info_data?: { readonly id?: number; readonly if_id?: string };
  };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number; readonly scope?: string }[];
}

function parseDevice(link: IpLink): NetDevice {
  const { info_kind: kind, info_data: info } = link.linkinfo ?? {};
  const isUp = link.flags.includes('UP');
  return {
    name: link.ifname ?? '',
    index: link.ifindex,
    kind,
    alias: link.ifalias,
    mtu: link.mtu,
    mac: link.link_type === 'ether' ? link.address : undefined,
    isUp,
    hasCarrier: isUp && link.flags.includes('LOWER_UP'),
    below: link.link,
    vlanId: kind === 'vlan' ? info?.id : undefined,
    ifId: kind === 'xfrm' && info?.if_id !== undefined ? Number.parseInt(info.if_id, 16) : undefined,
    addresses: (link.addr_info ?? [])
      .filter(({ scope }) => scope !== 'link')
      .map(({ local, prefixlen }) => parseCidr(`${local}/${prefixlen}`))
      .filter((address): address is InterfaceAddress => address !== undefined),
  };
}

/** What the kernel answered, without what `ip` says around it. */
function kernelAnswer(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Command failed'));
  return lines.map((line) => line.replace(/^(RTNETLINK answers|Error): /, '')).join('; ');
}
