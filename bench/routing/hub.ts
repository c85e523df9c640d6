/**
 * A hub and the BIRD that plays its spokes, from its start to its last route.
 *
 *   bird.conf, SpokeSize → [hub] → time until the kernel holds every route, peak memory
 *
 * Invariant: it starts from nothing and leaves nothing; a run that does not get every route is an error, not a figure.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { compileBird } from '../../src/bird/compile.ts';
import { printBird } from '../../src/bird/print.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import { resolveRouter } from '../pipeline.ts';
import { peakBytes } from '../process-usage.ts';
import { endProcess, makeHubNetwork, startBird, untilRoutes } from './hub-network.ts';
import { describeSpokes, type SpokeSize, writeSpokes } from './spokes.ts';

export interface HubRun {
  readonly ms: number;
  /** Resident, at its highest. */
  readonly peakBytes: number;
}

/** Our own configuration of such a hub. */
export function writeOurHub(size: SpokeSize): string {
  return printBird(compileBird(resolveRouter(makeSnapshot(describeSpokes(size))).routing, { secrets: new Map() }));
}

/** @param settleMs how long memory may still grow after the last route, while routes are told to others */
export async function runHub(name: string, text: string, size: SpokeSize, settleMs = 0): Promise<HubRun> {
  const network = makeHubNetwork(name, size);
  const peers = startBird(network.spokes, writeSpokes(size));
  const bird = startBird(network.hub, text);
  try {
    const ms = await untilRoutes(network, size.spokes * size.prefixesPerSpoke, [bird, peers]);
    await pause(settleMs);
    return { ms, peakBytes: peakBytes(bird.pid) };
  } finally {
    await Promise.all([bird, peers].map(endProcess));
    network.remove();
  }
}
