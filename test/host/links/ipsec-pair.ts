/**
 * Two routers joined by a cable, each with a driver of IPsec tunnels of its own; charons and packets are real.
 *
 * End a opens the tunnels, end b waits. Inside, tunnel i has 169.254.i.1 and fd01:i::1 at end a, and .2 at end b.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { findCharons } from '../../../src/edge/links/charon-process.ts';
import { createIpsecDriver } from '../../../src/edge/links/ipsec.ts';
import type { IpsecTunnelIntent } from '../../../src/intent/links/links-intent.ts';
import type { LinkDriver } from '../../../src/links/link-driver.ts';
import type { LinkReport } from '../../../src/links/link-report.ts';
import { parseAddress } from '../../../src/net/address.ts';
import { parseCidr } from '../../../src/net/prefix.ts';
import { ipsecDefaults } from '../../../src/resources/tunnel-defaults.ts';
import { type Cable, eventually, layCable } from '../bird/namespaces.ts';

export type End = 'a' | 'b';

export const psk = 'a-key-that-must-not-be-seen-anywhere';

export interface IpsecPair {
  readonly cable: Cable;
  dir(end: End): string;
  driver(end: End): LinkDriver<IpsecTunnelIntent>;
  /** What the driver reports of these, asked again until all are as `is` says. */
  until(
    end: End,
    tunnels: readonly IpsecTunnelIntent[],
    is: (report: LinkReport) => boolean,
    within?: number,
  ): Promise<readonly LinkReport[]>;
  /** Both ends up. */
  join(tunnelsA: readonly IpsecTunnelIntent[], tunnelsB: readonly IpsecTunnelIntent[], within?: number): Promise<void>;
  secrets: Record<End, Map<string, string>>;
  /** Lets go of what runs, as an agent does that ends. */
  restart(end: End): void;
  /** Process ids by the names of charons. */
  charons(end: End): Promise<ReadonlyMap<string, number>>;
  isDeviceUp(end: End, name: string): boolean;
  remove(): Promise<void>;
}

export function layIpsecPair(label: string): IpsecPair {
  const cable = layCable(label);
  const drivers = new Map<End, LinkDriver<IpsecTunnelIntent>>();
  const dir = (end: End): string => join(cable.dir, end);
  const pair: IpsecPair = {
    cable,
    dir,
    secrets: { a: new Map([['vpn/psk', psk]]), b: new Map([['vpn/psk', psk]]) },
    driver(end) {
      const known = drivers.get(end);
      if (known) return known;
      const launcher = cable.at(end);
      const made = createIpsecDriver({ router: end, dir: dir(end), outerMark: 0x10000000, launcher });
      drivers.set(end, made);
      return made;
    },
    until(end, tunnels, is, within) {
      const ask = (): Promise<readonly LinkReport[]> => pair.driver(end).ensure(tunnels, pair.secrets[end]);
      return eventually(`tunnels of ${end}`, ask, (reports) => reports.every(is), within);
    },
    async join(tunnelsA, tunnelsB, within) {
      await pair.driver('b').ensure(tunnelsB, pair.secrets.b);
      await pair.until('a', tunnelsA, isUp, within);
      await pair.until('b', tunnelsB, isUp, within);
    },
    restart(end) {
      drivers.get(end)?.leave();
      drivers.delete(end);
    },
    charons: (end) => findCharons(dir(end)),
    isDeviceUp(end, name) {
      try {
        return /[<,]UP[,>]/.test(cable.run(end, 'ip', '-o', 'link', 'show', 'dev', name));
      } catch {
        return false;
      }
    },
    async remove() {
      try {
        for (const end of ['a', 'b'] as const) {
          await pair.driver(end).ensure([], new Map());
          pair.restart(end);
        }
      } finally {
        cable.remove();
      }
    },
  };
  return pair;
}

export const isUp = ({ state }: LinkReport): boolean => state === 'up';

/** The tunnel `vpn<i>` as each end has it. */
export function tunnelOf(end: End, i = 1, changes: Partial<IpsecTunnelIntent> = {}): IpsecTunnelIntent {
  const [own, other] = end === 'a' ? [1, 2] : [2, 1];
  return {
    ...ipsecDefaults,
    kind: 'ipsec',
    attachment: `vpn${i}`,
    interfaceName: `vpn${i}`,
    addresses: known([parseCidr(`169.254.${i}.${own}/30`), parseCidr(`fd01:${i}::${own}/64`)]),
    remotes: known([parseAddress(`169.254.${i}.${other}`), parseAddress(`fd01:${i}::${other}`)]),
    mtu: 1400,
    mssClamp: undefined,
    underlay: undefined,
    localAddress: parseAddress(`192.168.0.${own}`),
    remoteAddress: known([parseAddress(`192.168.0.${other}`)])[0] as NonNullable<ReturnType<typeof parseAddress>>,
    localId: undefined,
    remoteId: undefined,
    authentication: { kind: 'psk', secret: { name: 'vpn', key: 'psk' } },
    initiates: end === 'a',
    encapsulates: 'auto',
    localPort: undefined,
    remotePort: undefined,
    ifId: i,
    ...changes,
  };
}

function known<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

/** What passes on the cable from now on, as tcpdump prints it with each packet's bytes. */
export async function capture(cable: Cable): Promise<{ text(): string; stop(): void }> {
  const words = ['tcpdump', '--immediate-mode', '-n', '-l', '-A', '-i', 'wire'];
  const [program = '', ...args] = [...cable.at('b'), ...words];
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  await eventually(
    'tcpdump listens',
    () => said,
    (words) => words.includes('listening on'),
  );
  return { text: () => text, stop: () => void child.kill('SIGTERM') };
}
