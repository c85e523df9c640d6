/**
 * The device of an IPsec tunnel: an XFRM interface where the kernel does ESP, a charon's TUN device where charon does.
 *
 *   EspPlace, tunnel, NetDevice[] ─[bringXfrm | bringTun]→ the device by its name, up only while the tunnel is
 *
 * Invariant: a device of that name that is not ours is left alone, and said.
 */
import type { IpsecTunnelIntent } from '../../intent/links/links-intent.ts';
import { err, ok, type Result } from '../../result.ts';
import { writeFileAtomically } from '../atomic-file.ts';
import { readText } from '../bird-files.ts';
import { printProgramError, runProgram } from '../run-program.ts';
import { type CharonFiles, tunOf } from './charon-process.ts';
import { aliasOf, isOfRouter, type NetDevice, type NetDevices } from './netdevices.ts';

/** Bytes that kernel-libipsec reads from its TUN device at a time. */
const largestTun = 1400;

export interface TunnelDevice<D = NetDevices> {
  readonly router: string;
  readonly devices: D;
  /** As read just now. */
  readonly there: ReadonlyMap<string, NetDevice>;
}

export async function bringXfrm(
  { router, devices, there }: TunnelDevice<Pick<NetDevices, 'change'>>,
  tunnel: IpsecTunnelIntent,
): Promise<Result<void, string>> {
  const name = tunnel.interfaceName;
  const found = there.get(name);
  if (found) {
    // Without an alias it was made, and whoever made it ended before all was done.
    const isOurs = isOfRouter(router, found) || (found.alias === undefined && found.ifId === tunnel.ifId);
    return found.kind === 'xfrm' && isOurs ? ok(undefined) : err(`${name} is another device`);
  }
  return changed(devices, [`link add name ${name} type xfrm dev lo if_id ${tunnel.ifId}`]);
}

/** A TUN device that was brought to its place: whose it is, what it is called, and what its charon calls it. */
export interface TunSeat {
  readonly pid: number;
  readonly name: string;
  readonly made: string;
}

/** Whether all is where it was put, for which no process has to be looked into: that takes a file for each that it has open. */
export function isSeated(
  { router, there }: Pick<TunnelDevice, 'router' | 'there'>,
  seat: TunSeat | undefined,
  pid: number,
): boolean {
  if (seat?.pid !== pid) return false;
  const device = there.get(seat.name);
  return device?.kind === 'tun' && isOfRouter(router, device) && there.has(seat.made);
}

/**
 * `pid`: of the charon, which goes on calling its device by the name it was made with, and must find one of that name for the
 * routes it makes: a device that carries nothing takes that name over. Both are down while their names change.
 */
export async function bringTun(
  { router, devices, there }: TunnelDevice<Pick<NetDevices, 'change'>>,
  tunnel: IpsecTunnelIntent,
  files: CharonFiles,
  pid: number,
): Promise<Result<TunSeat, string>> {
  const name = tunnel.interfaceName;
  const tun = await tunOf(pid);
  if (tun === undefined) return err('charon has no TUN device: is /dev/net/tun there?');
  const noted = await readText(files.tun);
  const made = noted ?? tun;
  if (noted === undefined) await writeFileAtomically(files.tun, made);
  if (tun !== name && there.has(name)) return err(`${name} is another device`);
  const isFree = tun === made ? tun !== name : !there.has(made);
  const done = await changed(devices, [
    ...(tun === name ? [] : [`link set dev ${tun} down`, `link set dev ${tun} name ${name}`]),
    ...(isFree ? holdName(made, aliasOf(router, tunnel.attachment)) : []),
  ]);
  // A charon that started just now was quicker: what it leaves free, it holds in its turn.
  return done.ok || /TUNSETIFF.*busy/.test(done.error) ? ok({ pid, name, made }) : done;
}

function holdName(name: string, alias: string): readonly string[] {
  return [
    `tuntap add dev ${name} mode tun`,
    `link set dev ${name} addrgenmode none`,
    `link set dev ${name} up`,
    `link set dev ${name} alias "${alias}"`,
  ];
}

async function changed(
  devices: Pick<NetDevices, 'change'>,
  commands: readonly string[],
): Promise<Result<void, string>> {
  const done = await devices.change(commands);
  return done.ok ? ok(undefined) : err(done.error.message);
}

/** The MTU it has then. */
export async function settleDevice(
  { router, devices }: Pick<TunnelDevice, 'router' | 'devices'>,
  tunnel: IpsecTunnelIntent,
  esp: 'kernel' | 'userspace',
  isUp: boolean,
  seen: NetDevice | undefined,
): Promise<Result<number | null, string>> {
  const mtu = mtuOf(tunnel, esp);
  const wish = { alias: aliasOf(router, tunnel.attachment), mtu, addresses: tunnel.addresses, isUp };
  const done = await devices.configure(tunnel.interfaceName, wish, seen);
  return done.ok ? ok(mtu ?? seen?.mtu ?? null) : err(done.error.message);
}

function mtuOf({ mtu }: IpsecTunnelIntent, esp: 'kernel' | 'userspace'): number | undefined {
  return esp === 'kernel' ? mtu : Math.min(mtu ?? largestTun, largestTun);
}

/**
 * Devices that nothing needs any more: XFRM interfaces of tunnels that are not wanted, and name holders of charons that ended.
 * `charons`: those that are to run.
 */
export async function abandonedDevices(
  { router, there }: TunnelDevice,
  wanted: ReadonlySet<string>,
  charons: readonly CharonFiles[],
): Promise<readonly string[]> {
  const held = new Set(await Promise.all(charons.map(({ tun }) => readText(tun).catch(() => undefined))));
  return [...there.values()]
    .filter((device) => isOfRouter(router, device) && !wanted.has(device.name) && !held.has(device.name))
    .filter((device) => device.kind === 'xfrm' || isNameHolder(device))
    .map(({ name }) => name);
}

function isNameHolder({ kind, name, addresses, hasCarrier }: NetDevice): boolean {
  return kind === 'tun' && /^ipsec\d+$/.test(name) && addresses.length === 0 && !hasCarrier;
}

const probe = ['src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0x100'];

/** What only a kernel takes that does ESP: an XFRM interface, and an association; and what takes each away again. */
const kernelTries = [
  {
    add: ['link', 'add', 'name', 'causeway-probe', 'type', 'xfrm', 'if_id', '0xffffffff'],
    remove: ['link', 'delete', 'dev', 'causeway-probe'],
  },
  {
    add: [
      'xfrm',
      'state',
      'add',
      ...probe,
      'mode',
      'tunnel',
      'aead',
      'rfc4106(gcm(aes))',
      `0x${'0'.repeat(40)}`,
      '128',
    ],
    remove: ['xfrm', 'state', 'delete', ...probe],
  },
];

/**
 * Tried in a network namespace that goes with the try. Whoever may not make one, as under our systemd unit, tries beside what is
 * there: for a moment, with addresses of nobody (RFC 5737).
 */
export async function findEsp(): Promise<Result<'kernel' | 'userspace', string>> {
  for (const { add, remove } of kernelTries) {
    let ran = await runProgram('unshare', ['--net', 'ip', ...add], { timeoutMs: 5_000 });
    if (ran.ok && ran.value.stderr.startsWith('unshare:')) {
      ran = await runProgram('ip', add, { timeoutMs: 5_000 });
      if (ran.ok && ran.value.exitCode === 0) await runProgram('ip', remove, { timeoutMs: 5_000 });
    }
    if (!ran.ok) return err(printProgramError(ran.error));
    // Another router's agent tries at the same time.
    const isThere = ran.value.stderr.includes('File exists');
    if (ran.value.exitCode !== 0 && !isThere) return ok('userspace');
  }
  return ok('kernel');
}
