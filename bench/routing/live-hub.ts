/**
 * A hub run by its agent: how long one more peer takes to count, and what a peer that flaps costs.
 *
 *   store ─apply─▶ agent ─▶ BIRD ⇄ BIRD of all spokes ─▶ kernel ─count─▶ [live-hub] → LiveHubReport
 *
 * The clock of a peer starts before its resources are committed to the store, and stops when the kernel holds all its routes. The
 * peer's own BIRD tries all along, as one does that was configured first.
 * Invariant: nobody else's routes move meanwhile: the kernel must hold exactly as many as before and the peer's.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import type { AnyResource } from '../../src/resources/resource.ts';
import { createResourceStore, type ResourceStore } from '../../src/store/resource-store.ts';
import { routerName } from '../policy-resources.ts';
import { cpuTicks, residentMiB, ticksPerSecond } from '../process-usage.ts';
import type { Progress } from '../progress.ts';
import type { LiveHubReport } from '../report.ts';
import { summarize } from '../statistics.ts';
import {
  birdSocket,
  endProcess,
  type HubNetwork,
  makeHubNetwork,
  startBird,
  startInside,
  untilRoutes,
} from './hub-network.ts';
import { describeSpokes, flappingSpoke, type SpokeSize, writeSpokes } from './spokes.ts';

const causeway = resolve('bin/causeway');

export interface LiveHubExtent {
  readonly size: SpokeSize;
  readonly peers: number;
  readonly flapSeconds: number;
}

export async function measureLiveHub(extent: LiveHubExtent, progress: Progress): Promise<LiveHubReport> {
  const { size, flapSeconds } = extent;
  const folder = mkdtempSync('/run/live-hub-');
  const opened = await openEmbeddedStore(join(folder, 'store'));
  if (!opened.ok) throw new Error('the store of the benchmark cannot be opened');
  const store = createResourceStore(opened.value, { now: () => new Date().toISOString(), newUid: () => 'bench' });
  await mustApply(store, describeSpokes({ ...size, spokes: size.spokes - 1 }));
  const network = makeHubNetwork('live', size);
  const spokes = startBird(network.spokes, writeSpokes(size));
  const agent = startAgent(network, folder);
  const processes = [agent, spokes];
  try {
    progress.show('routing: an agent with its BIRD starts', 0, 1);
    const others = (size.spokes - 1) * size.prefixesPerSpoke;
    await untilRoutes(network, others, processes);
    const added = await measureAddedPeers(store, network, processes, extent, progress);
    progress.show(`routing: a peer flaps for ${flapSeconds} s`, 0, 1);
    const flap = await measureFlap(network, agent, birdProcess(folder), size, flapSeconds);
    return { size, added: summarize(added), flap };
  } finally {
    await endProcess(agent);
    await endProcess(spokes);
    const bird = birdProcess(folder);
    if (bird !== undefined) process.kill(bird, 'SIGKILL');
    await opened.value.close();
    network.remove();
  }
}

/** The last of the spokes, which the hub does not know at first, comes and goes. */
async function measureAddedPeers(
  store: ResourceStore,
  network: HubNetwork,
  processes: readonly ChildProcess[],
  { size, peers }: LiveHubExtent,
  progress: Progress,
): Promise<number[]> {
  const others = (size.spokes - 1) * size.prefixesPerSpoke;
  const peer = describeSpokes(size).slice(-2);
  const samples: number[] = [];
  for (let round = 0; round < peers; round++) {
    progress.show('routing: one more peer', round, peers);
    const before = performance.now();
    await mustApply(store, peer);
    await untilRoutes(network, others + size.prefixesPerSpoke, processes, 2);
    samples.push(performance.now() - before);
    const names = peer.map(({ kind, metadata }) => ({ kind, name: metadata.name }));
    const deleted = await store.deleteAll(names.toReversed());
    if (!deleted.ok) throw new Error('the store refused to delete the peer');
    await untilRoutes(network, others, processes);
  }
  return samples;
}

/** A thousand routes a second: the spoke withdraws all it has, announces all it has, and so on. */
async function measureFlap(
  network: HubNetwork,
  agent: ChildProcess,
  bird: number | undefined,
  { prefixesPerSpoke }: SpokeSize,
  seconds: number,
): Promise<LiveHubReport['flap']> {
  const before = { agent: cpuTicks(agent.pid), bird: cpuTicks(bird), residentMiB: residentMiB(agent.pid) };
  const started = performance.now();
  const everyMs = prefixesPerSpoke; // a thousand a second is one each millisecond
  let turns = 0;
  while (performance.now() - started < seconds * 1000) {
    const order = turns++ % 2 === 0 ? 'disable' : 'enable';
    execFileSync('birdc', ['-s', birdSocket(network.spokes), order, flappingSpoke.routes], { stdio: 'ignore' });
    await pause(Math.max(0, started + turns * everyMs - performance.now()));
  }
  const elapsed = (performance.now() - started) / 1000;
  const percent = (ticks: number) => (100 * ticks) / (ticksPerSecond * elapsed);
  return {
    perSecond: (turns * prefixesPerSpoke) / elapsed,
    seconds: elapsed,
    agentCpuPercent: percent(cpuTicks(agent.pid) - before.agent),
    birdCpuPercent: percent(cpuTicks(bird) - before.bird),
    residentMiB: residentMiB(agent.pid),
    grownMiB: residentMiB(agent.pid) - before.residentMiB,
  };
}

function startAgent({ hub }: HubNetwork, folder: string): ChildProcess {
  return startInside(hub, [causeway, 'agent', '--router', routerName, '--log-format', 'json'], {
    CAUSEWAY_STORE: join(folder, 'store'),
    CAUSEWAY_RUN_DIR: join(folder, 'run'),
    CAUSEWAY_STATE_DIR: join(folder, 'state'),
    CAUSEWAY_SECRETS_DIR: join(folder, 'secrets'),
  });
}

/** The agent's BIRD, which would outlive it; undefined while there is none. */
export function birdProcess(folder: string): number | undefined {
  const file = join(folder, 'run', routerName, 'bird.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

async function mustApply(store: ResourceStore, resources: readonly AnyResource[]): Promise<void> {
  const applied = await store.applyAll(resources);
  if (!applied.ok) throw new Error('the store refused the resources of the benchmark');
}
