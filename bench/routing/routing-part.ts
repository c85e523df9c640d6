/**
 * How long a BIRD takes from its start until the kernel holds every route: with our configuration, and with one by hand.
 *
 *   SpokeSize → bird.conf (ours, bare) → BIRD ⇄ BIRD of all spokes → kernel → [routing-part] → RoutingReport
 *
 * Invariant: both hubs start from nothing (a namespace of their own, no route, no session), in turns, and a round counts only when
 * the kernel holds every route.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { compileBird } from '../../src/bird/compile.ts';
import { printBird } from '../../src/bird/print.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import { inNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath, runBatch } from '../kernel/sandbox.ts';
import type { BenchOptions } from '../options.ts';
import { resolveRouter } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import type { HubStart, RoutingReport } from '../report.ts';
import { summarize } from '../statistics.ts';
import { describeSpokes, linkName, type SpokeSize, spokeLink, writeBareHub, writeSpokes } from './spokes.ts';

const extents = {
  quick: { size: { spokes: 20, prefixesPerSpoke: 100 }, rounds: 3, generated: 40 },
  whole: { size: { spokes: 200, prefixesPerSpoke: 500 }, rounds: 5, generated: 400 },
} as const;

const longestWaitMs = 120_000;

export async function measureRoutingPart(options: BenchOptions, progress: Progress): Promise<RoutingReport> {
  const { size, rounds, generated } = extents[options.isQuick ? 'quick' : 'whole'];
  const generateMs = measureGeneration(generated, rounds);
  const texts = { ours: generate(size), bare: writeBareHub(size) };
  const samples: Record<keyof typeof texts, { ms: number; residentMiB: number }[]> = { ours: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    progress.show('routing: BIRD from its start to the last route in the kernel', round, rounds);
    for (const hub of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      samples[hub].push(await startHub(`${hub}${round}`, texts[hub], size));
    }
  }
  const describe = (hub: keyof typeof texts): HubStart => ({
    start: summarize(samples[hub].map(({ ms }) => ms)),
    residentMiB: summarize(samples[hub].map(({ residentMiB }) => residentMiB)).median,
  });
  const [ours, bare] = [describe('ours'), describe('bare')];
  return {
    size,
    rounds,
    ours,
    bare,
    ratio: ours.start.median / bare.start.median,
    generate: { sessions: generated, ...generateMs },
  };
}

function generate(size: SpokeSize): string {
  return printBird(compileBird(resolveRouter(makeSnapshot(describeSpokes(size))).routing, { secrets: new Map() }));
}

function measureGeneration(sessions: number, rounds: number) {
  const resources = describeSpokes({ spokes: sessions, prefixesPerSpoke: 0 });
  const snapshot = makeSnapshot(resources);
  const samples = Array.from({ length: rounds }, () => {
    const before = performance.now();
    printBird(compileBird(resolveRouter(snapshot).routing, { secrets: new Map() }));
    return performance.now() - before;
  });
  return summarize(samples);
}

async function startHub(name: string, text: string, size: SpokeSize): Promise<{ ms: number; residentMiB: number }> {
  const hub = `hub-${name}`;
  const spokes = `spokes-${name}`;
  addNamespaces([hub, spokes]);
  runBatch(hub, ['link set lo up', `link add ${linkName} type veth peer name ${linkName} netns ${spokes}`]);
  const links = Array.from({ length: size.spokes }, (_, spoke) => spokeLink(spoke));
  const dress = (ends: readonly string[]) => [
    'link set lo up',
    ...ends.map((address) => `address add ${address}/31 dev ${linkName}`),
    `link set ${linkName} up`,
  ];
  runBatch(hub, dress(links.map((link) => link.hub)));
  runBatch(spokes, dress(links.map((link) => link.spoke)));
  const atRest = countPrefixes(hub);
  const peers = startBird(spokes, writeSpokes(size));
  const before = performance.now();
  const bird = startBird(hub, text);
  try {
    const wanted = size.spokes * size.prefixesPerSpoke;
    while (countPrefixes(hub) - atRest < wanted) {
      if (bird.exitCode !== null || peers.exitCode !== null) throw new Error(`BIRD of ${name} ended: see /run/*.log`);
      if (performance.now() - before > longestWaitMs) {
        throw new Error(`${name}: ${countPrefixes(hub) - atRest} of ${wanted} routes after ${longestWaitMs / 1000} s`);
      }
      await pause(20);
    }
    return { ms: performance.now() - before, residentMiB: residentMiB(bird) };
  } finally {
    await Promise.all([bird, peers].map(end));
    runBatch(undefined, [`netns delete ${hub}`, `netns delete ${spokes}`]);
  }
}

function startBird(namespace: string, text: string): ChildProcess {
  const file = `/run/${namespace}.conf`;
  writeFileSync(file, text);
  const argv = [`--net=${namespacePath(namespace)}`, 'bird', '-f', '-c', file, '-s', `/run/${namespace}.ctl`];
  return spawn('nsenter', argv, { stdio: ['ignore', 'ignore', process.env['BENCH_DEBUG'] ? 'inherit' : 'ignore'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** The trie counts its own prefixes: far cheaper to ask for than a dump of the routes. */
function countPrefixes(namespace: string): number {
  const text = inNamespace(namespacePath(namespace), () => readFileSync('/proc/thread-self/net/fib_triestat', 'utf8'));
  // While a namespace has no rules of its own the kernel keeps local and main table in one trie, and shows it under both names.
  const main = text.slice(Math.max(0, text.indexOf('Main:')));
  return Number(/Prefixes:\s+(\d+)/.exec(main)?.[1] ?? 0);
}

function residentMiB({ pid }: ChildProcess): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1024);
}
