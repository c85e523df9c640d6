/**
 * What BGP costs a hub of many spokes: BIRD until the kernel holds every route, with our configuration and with two by hand; one
 * more peer; a peer that flaps; and the text of the configuration.
 *
 *   SpokeSize → bird.conf (ours, guarded, bare) → BIRD ⇄ BIRD of all spokes → kernel → [routing-part] → RoutingReport
 *
 * Invariant: all hubs start from nothing (a namespace of their own, no route, no session), in turns, and a round counts only when
 * the kernel holds every route.
 */
import { compileBird } from '../../src/bird/compile.ts';
import { printBird } from '../../src/bird/print.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import type { BenchOptions } from '../options.ts';
import { resolveRouter } from '../pipeline.ts';
import type { Progress } from '../progress.ts';
import { type HubStart, type HubText, hubTexts, type RoutingReport } from '../report.ts';
import { summarize } from '../statistics.ts';
import { type HubRun, runHub, writeOurHub } from './hub.ts';
import { measureLiveHub } from './live-hub.ts';
import { describeSpokes, writeBareHub, writeGuardedHub } from './spokes.ts';

const extents = {
  quick: {
    size: { family: 4, spokes: 20, prefixesPerSpoke: 100 },
    rounds: 3,
    generated: 40,
    live: { size: { family: 4, spokes: 20, prefixesPerSpoke: 100 }, peers: 3, flapSeconds: 3 },
  },
  whole: {
    size: { family: 4, spokes: 200, prefixesPerSpoke: 500 },
    rounds: 5,
    generated: 400,
    live: { size: { family: 4, spokes: 200, prefixesPerSpoke: 500 }, peers: 5, flapSeconds: 20 },
  },
} as const;

export async function measureRoutingPart(options: BenchOptions, progress: Progress): Promise<RoutingReport> {
  const { size, rounds, generated, live } = extents[options.isQuick ? 'quick' : 'whole'];
  const generateMs = measureGeneration(generated, rounds);
  const texts: Record<HubText, string> = {
    ours: writeOurHub(size),
    guarded: writeGuardedHub(size),
    bare: writeBareHub(size),
  };
  const samples: Record<HubText, HubRun[]> = { ours: [], guarded: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    progress.show('routing: BIRD from its start to the last route in the kernel', round, rounds);
    for (const hub of round % 2 === 0 ? hubTexts : hubTexts.toReversed()) {
      samples[hub].push(await runHub(`${hub}${round}`, texts[hub], size));
    }
  }
  const describe = (hub: HubText): HubStart => ({
    start: summarize(samples[hub].map(({ ms }) => ms)),
    residentMiB: Math.round(summarize(samples[hub].map(({ peakBytes }) => peakBytes)).median / 1024 ** 2),
  });
  const [ours, guarded, bare] = [describe('ours'), describe('guarded'), describe('bare')];
  return {
    size,
    rounds,
    ours,
    guarded,
    bare,
    ratio: ours.start.median / guarded.start.median,
    generate: { sessions: generated, ...generateMs },
    live: await measureLiveHub(live, progress),
  };
}

function measureGeneration(sessions: number, rounds: number) {
  const resources = describeSpokes({ family: 4, spokes: sessions, prefixesPerSpoke: 0 });
  const snapshot = makeSnapshot(resources);
  const samples = Array.from({ length: rounds }, () => {
    const before = performance.now();
    printBird(compileBird(resolveRouter(snapshot).routing, { secrets: new Map() }));
    return performance.now() - before;
  });
  return summarize(samples);
}
