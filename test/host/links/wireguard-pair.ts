/**
 * Two routers joined by a cable, in network namespaces of their own, each with the driver of WireGuard links; both call their
 * device `wg0`. Every command that a driver runs is written down.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWireguardDriver } from '../../../src/edge/links/wireguard.ts';
import type { WireguardLinkIntent } from '../../../src/intent/links/links-intent.ts';
import type { LinkDriver } from '../../../src/links/link-driver.ts';
import type { LinkReport } from '../../../src/links/link-report.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { parseCidr } from '../../../src/net/prefix.ts';
import { eventually, layCable } from '../bird/namespaces.ts';

export type End = 'a' | 'b';
export const ends: readonly End[] = ['a', 'b'];
export const device = 'wg0';
export const port = 51820;
export const outside = { a: '192.168.0.1', b: '192.168.0.2' } as const;
export const outside6 = { a: 'fd00::1', b: 'fd00::2' } as const;
export const inside = { a: ['10.77.0.1', 'fd77::1'], b: ['10.77.0.2', 'fd77::2'] } as const;
/** A key of nobody's. */
export const strangersKey = `${'x'.repeat(42)}A=`;

export interface WireguardPair {
  readonly dir: string;
  run(end: End, ...command: readonly string[]): string;
  driver(end: End): LinkDriver<WireguardLinkIntent>;
  /** A successor of the driver that was there, which lets go. */
  renew(end: End): void;
  link(end: End, change?: LinkChange): WireguardLinkIntent;
  ensure(end: End, change?: LinkChange): Promise<LinkReport>;
  untilUp(end: End, change?: LinkChange): Promise<LinkReport>;
  bothUp(): Promise<void>;
  privateKeyOf(end: End): string;
  /** Whether the other end's inside addresses of both families answer. */
  answers(from: End): boolean;
  /** Writes down what goes over these devices from now on. */
  capture(end: End, devices: readonly string[]): Promise<Capture>;
  /** A BIRD at each end with one session inside; gives what end a says of its own. */
  speakBgp(): () => string;
  pidOf(end: End): number | undefined;
  addressesOf(end: End): readonly string[];
  folders(end: End): { readonly run: string; readonly keys: string };
  commands(): string;
  remove(): Promise<void>;
}

export interface Capture {
  /** Of each device, in their order: pcap files that grow. */
  readonly files: readonly string[];
  /** How many packets of a file match so far. */
  count(file: string, filter: string): number;
  /** Resolves once nothing is written any more. */
  close(): Promise<void>;
}

export interface LinkChange extends Partial<Omit<WireguardLinkIntent, 'peer'>> {
  readonly peer?: Partial<WireguardLinkIntent['peer']>;
  readonly secrets?: ReadonlyMap<string, string>;
}

export async function joinByWireguard(label: string): Promise<WireguardPair> {
  const cable = layCable(label);
  const log = join(cable.dir, 'commands');
  writeFileSync(log, '');
  const folders = (end: End) => ({ run: join(cable.dir, end, 'run'), keys: join(cable.dir, end, 'keys') });
  const launcher = (end: End) => ['sh', '-c', `echo "$*" >>${log}; exec "$@"`, 'sh', ...cable.at(end)];
  const create = (end: End): LinkDriver<WireguardLinkIntent> =>
    createWireguardDriver({
      router: end,
      dir: folders(end).run,
      keyDir: folders(end).keys,
      launcher: launcher(end),
    });
  const birds: string[] = [];
  const drivers = { a: create('a'), b: create('b') };
  const publicKeys = { a: strangersKey, b: strangersKey };
  const other = (end: End): End => (end === 'a' ? 'b' : 'a');

  const link = (end: End, { peer = {}, secrets: _, ...change }: LinkChange = {}): WireguardLinkIntent => ({
    kind: 'wireguard',
    attachment: `to-${other(end)}`,
    interfaceName: device,
    addresses: inside[end].map((address) => must(parseCidr(`${address}/${address.includes(':') ? 64 : 30}`))),
    remotes: inside[other(end)].map((address) => must(parseAddress(address))),
    mtu: 1420,
    mssClamp: undefined,
    underlay: undefined,
    listenPort: port,
    ...change,
    peer: {
      publicKey: publicKeys[other(end)],
      presharedKey: undefined,
      endpoint: { address: must(parseAddress(outside[other(end)])), port },
      allowFrom: [],
      keepalive: 25,
      ...peer,
    },
  });
  const ensure = async (end: End, change: LinkChange = {}): Promise<LinkReport> => {
    const [report] = await drivers[end].ensure([link(end, change)], change.secrets ?? new Map());
    return must(report);
  };
  for (const end of ends) publicKeys[end] = must((await ensure(end)).wireguard?.publicKey ?? undefined);

  const untilUp = (end: End, change?: LinkChange): Promise<LinkReport> =>
    eventually(
      `${end} is up`,
      () => ensure(end, change),
      ({ state }) => state === 'up',
    );

  return {
    dir: cable.dir,
    run: cable.run,
    driver: (end) => drivers[end],
    renew(end) {
      drivers[end].leave();
      drivers[end] = create(end);
    },
    link,
    ensure,
    untilUp,
    async bothUp() {
      await ensure('b');
      for (const end of ends) await untilUp(end);
    },
    privateKeyOf: (end) => readFileSync(join(folders(end).keys, `${device}.key`), 'utf8').trim(),
    answers(from) {
      return inside[other(from)].every((address) => {
        const [program = '', ...args] = [...cable.at(from), 'ping', '-c', '1', '-W', '1', address];
        return spawnSync(program, args).status === 0;
      });
    },
    async capture(end, devices) {
      const [program = '', ...before] = cable.at(end);
      const captures = devices.map((name) => {
        const file = join(cable.dir, `${name}.pcap`);
        const args = [...before, 'tcpdump', '--immediate-mode', '-U', '-i', name, '-w', file, 'ip or ip6'];
        return { file, tcpdump: spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }) };
      });
      await Promise.all(captures.map(({ tcpdump }) => once(tcpdump.stderr, 'data')));
      return {
        files: captures.map(({ file }) => file),
        count(file, filter) {
          // The last packet may be half written, about which tcpdump complains after the others.
          const { stdout } = spawnSync(program, [...before, 'tcpdump', '-nr', file, filter], { encoding: 'utf8' });
          return stdout.split('\n').length - 1;
        },
        async close() {
          const ended = captures.map(({ tcpdump }) => once(tcpdump, 'close'));
          for (const { tcpdump } of captures) tcpdump.kill('SIGINT');
          await Promise.all(ended);
        },
      };
    },
    speakBgp() {
      for (const end of ends) {
        const file = join(cable.dir, `bird-${end}`);
        writeFileSync(`${file}.conf`, birdConfig(end));
        cable.run(end, 'bird', '-c', `${file}.conf`, '-s', `${file}.ctl`, '-P', `${file}.pid`);
        birds.push(`${file}.pid`);
      }
      return () => cable.run('a', 'birdc', '-s', join(cable.dir, 'bird-a.ctl'), 'show', 'protocols', 'inside');
    },
    pidOf(end) {
      try {
        return Number(readFileSync(join(folders(end).run, `${device}.pid`), 'utf8'));
      } catch {
        return undefined;
      }
    },
    addressesOf(end) {
      const told: readonly { readonly addr_info: readonly { readonly local: string; readonly scope: string }[] }[] =
        JSON.parse(cable.run(end, 'ip', '-json', 'addr', 'show', 'dev', device));
      return told.flatMap(({ addr_info }) =>
        addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local),
      );
    },
    folders,
    commands: () => readFileSync(log, 'utf8'),
    async remove() {
      for (const file of birds) process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
      for (const end of ends) {
        await drivers[end].ensure([], new Map());
        drivers[end].leave();
      }
      cable.remove();
    },
  };
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a fixture is wrong');
  return value;
}

function birdConfig(end: End): string {
  const [own, peer, as] = end === 'a' ? [inside.a, inside.b, 65001] : [inside.b, inside.a, 65002];
  return `router id ${own[0]};
protocol device { scan time 60; }
protocol bgp inside {
  local ${own[0]} as ${as};
  neighbor ${peer[0]} external;
  hold time 240;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import all; export all; };
}
`;
}

/** Fails loudly, with what to install. */
export function requireWireguard(): void {
  for (const [program, debianPackage] of [
    ['wg', 'wireguard-tools'],
    ['wireguard-go', 'wireguard-go'],
    ['tcpdump', 'tcpdump'],
  ] as const) {
    if (spawnSync(program, ['--version']).error)
      throw new Error(`${program} is missing: apt-get install ${debianPackage}`);
  }
}

/** The preshared key and others that `wg` makes. */
export function makePresharedKey(): string {
  return execFileSync('wg', ['genpsk'], { encoding: 'utf8' }).trim();
}

/** Of a process; empty once it ended. */
export function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
