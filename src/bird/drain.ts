/**
 * The configuration that takes everything of ours away: no peer, no route, so that BIRD empties its part of the kernel.
 *
 *   BirdOptions → [drain] → bird.conf
 */
import type { Asn } from '../net/asn.ts';
import { type BirdOptions, compileBird } from './compile.ts';
import { printBird } from './print.ts';

/** Must have the metric and table of the configuration it follows, or BIRD would leave those routes alone. */
export function printDrained(options: Pick<BirdOptions, 'kernelMetric' | 'kernelTable'> = {}): string {
  const nothing = {
    routerId: '240.0.0.1',
    localAs: 0 as Asn,
    listenPort: 179,
    listenOn: [],
    sessions: [],
    filters: new Map(),
    staticRoutes: [],
    aggregates: [],
    prefixAdvertisements: [],
    ignoredInterfaces: [],
    pools: [],
    kernelRejects: [],
    debug: 'off',
    ownPrefixes: [],
    group: undefined,
    multipath: { isOn: false, reason: 'there are no routes' },
    confinement: { within: [], except: [] },
    isDrained: false,
  } as const;
  return printBird(compileBird(nothing, { ...options, secrets: new Map() }));
}
