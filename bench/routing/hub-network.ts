/**
 * The network of a hub and its spokes: two namespaces, a link with an address pair for each spoke, BIRD in either.
 *
 *   SpokeSize → [hub-network] → HubNetwork → routes that the hub's kernel holds
 *
 * Invariant: a new one holds no route but its own addresses'; routes are counted above those.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Family } from '../../src/net/address.ts';
import { inNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath, runBatch } from '../kernel/sandbox.ts';
import { linkLength, linkName, type SpokeSize, spokeLink } from './spokes.ts';

export interface HubNetwork {
  readonly hub: string;
  readonly spokes: string;
  /** What the hub's kernel has learned. */
  countRoutes(): number;
  remove(): void;
}

const longestWaitMs = 120_000;

export function makeHubNetwork(name: string, size: SpokeSize): HubNetwork {
  const hub = `hub-${name}`;
  const spokes = `spokes-${name}`;
  addNamespaces([hub, spokes]);
  runBatch(hub, ['link set lo up', `link add ${linkName} type veth peer name ${linkName} netns ${spokes}`]);
  const links = Array.from({ length: size.spokes }, (_, spoke) => spokeLink(size.family, spoke));
  const dress = (ends: readonly string[]) => [
    'link set lo up',
    // No link-local address: its route would come after we counted those at rest.
    `link set ${linkName} addrgenmode none`,
    ...ends.map(
      (end) => `address add ${end}/${linkLength(size.family)} dev ${linkName}${size.family === 6 ? ' nodad' : ''}`,
    ),
    `link set ${linkName} up`,
  ];
  runBatch(hub, dress(links.map((link) => link.hub)));
  runBatch(spokes, dress(links.map((link) => link.spoke)));
  const atRest = countPrefixes(hub, size.family);
  return {
    hub,
    spokes,
    countRoutes: () => countPrefixes(hub, size.family) - atRest,
    remove: () => runBatch(undefined, [`netns delete ${hub}`, `netns delete ${spokes}`]),
  };
}

/** Milliseconds until the hub's kernel holds exactly so many routes; throws when one of the processes ends, or after two minutes. */
export async function untilRoutes(
  network: HubNetwork,
  wanted: number,
  processes: readonly ChildProcess[],
  everyMs = 20,
): Promise<number> {
  const before = performance.now();
  for (;;) {
    const routes = network.countRoutes();
    const waited = performance.now() - before;
    if (routes === wanted) return waited;
    const ended = processes.find(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null);
    if (ended !== undefined) throw new Error(`${ended.spawnargs.join(' ')} ended; BENCH_DEBUG=1 shows what it said`);
    if (waited > longestWaitMs)
      throw new Error(`${network.hub}: ${routes} of ${wanted} routes after ${longestWaitMs / 1000} s`);
    await pause(everyMs);
  }
}

export function startBird(namespace: string, text: string): ChildProcess {
  const file = `/run/${namespace}.conf`;
  writeFileSync(file, text);
  return startInside(namespace, ['bird', '-f', '-c', file, '-s', birdSocket(namespace)]);
}

export function birdSocket(namespace: string): string {
  return `/run/${namespace}.ctl`;
}

/** nsenter becomes the program itself: the child's process id is the program's. */
export function startInside(namespace: string, argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn('nsenter', [`--net=${namespacePath(namespace)}`, ...argv], {
    stdio: ['ignore', 'ignore', process.env['BENCH_DEBUG'] ? 'inherit' : 'ignore'],
    env: { ...process.env, ...env },
  });
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** The kernel counts its own routes: far cheaper to ask for than a dump of them. */
function countPrefixes(namespace: string, family: Family): number {
  const read = (file: string) =>
    inNamespace(namespacePath(namespace), () => readFileSync(`/proc/thread-self/net/${file}`, 'utf8'));
  // Routes are the fourth of the hexadecimal counters of IPv6 (fib_rt_entries).
  if (family === 6) return Number.parseInt(read('rt6_stats').split(' ')[3] ?? '', 16);
  const text = read('fib_triestat');
  // While a namespace has no rules of its own the kernel keeps local and main table in one trie, and shows it under both names.
  const main = text.slice(Math.max(0, text.indexOf('Main:')));
  return Number(/Prefixes:\s+(\d+)/.exec(main)?.[1] ?? 0);
}
