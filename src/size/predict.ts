/**
 * What a planned router needs in memory.
 *
 *   RouterPlan + SizeConstants → [predict] → Prediction → instances
 *
 * Invariant: more of anything never needs less. Each router of a pair is sized to carry all of it alone, since that is what a
 * failover asks of it.
 */
import type { SizeConstants } from './constants.ts';

/** Whole numbers; of the hub in all unless said otherwise. */
export interface RouterPlan {
  /** From 1. */
  readonly spokes: number;
  /** Prefixes that all spokes announce together, both families. */
  readonly prefixes: number;
  /** How many of them are IPv6. */
  readonly ipv6Prefixes: number;
  /** BGP sessions with spokes on one router. */
  readonly sessions: number;
  /** Spokes learn nothing of each other (Segment `isolated`); else each session is told all prefixes. */
  readonly isIsolated: boolean;
  /** Flows that live at the same time, over whichever router they go. */
  readonly flows: number;
  /** Of ten rules each. */
  readonly policies: number;
  /** With labels, so that selectors find them. */
  readonly addresses: number;
  /** Two share the state of connections. */
  readonly routers: 1 | 2;
}

export const partNames = ['system', 'bird', 'routes', 'conntrack', 'sets', 'agent', 'conntrackd'] as const;
export type PartName = (typeof partNames)[number];

export interface Prediction {
  /** Bytes of each part on one router. */
  readonly parts: Readonly<Record<PartName, number>>;
  readonly totalBytes: number;
  /** Routes as peers announce them: a prefix counts once for every session and router it is learned from. */
  readonly paths: number;
}

/**
 * Kernel, init, log and shell of a small Debian: what is there before the router. The only figure here that is a rule and not
 * a measurement, since it is the image's and not ours.
 */
const systemBytes = 300 * 2 ** 20;

/** A pointer for each flow that is to be found fast (`nf_conntrack_buckets`). */
const bytesPerBucket = 8;

/** What conntrackd's cache may hold (`HashLimit` of its configuration): flows above it are not shared. */
export const mostSharedFlows = 1_048_576;

/** The prefixes of a spoke come over each of its sessions, and from the other router once more. */
export function pathsPerPrefix({ sessions, spokes, routers }: RouterPlan): number {
  return Math.max(1, sessions / spokes) + (routers - 1);
}

export function predictSize(plan: RouterPlan, constants: SizeConstants): Prediction {
  const { bird, kernel, sets, agent, conntrackd } = constants;
  const ipv4Prefixes = plan.prefixes - plan.ipv6Prefixes;
  const copies = pathsPerPrefix(plan);
  const isPair = plan.routers === 2;
  const told = plan.isIsolated
    ? 0
    : plan.sessions * (bird.perToldSession + (plan.prefixes / 1000) * bird.perThousandTold);
  const parts = {
    system: systemBytes,
    bird:
      bird.base +
      bird.perSession * (plan.sessions + (isPair ? 1 : 0)) +
      copies * (ipv4Prefixes * bird.perIpv4Path + plan.ipv6Prefixes * bird.perIpv6Path) +
      told,
    routes: ipv4Prefixes * kernel.perIpv4Route + plan.ipv6Prefixes * kernel.perIpv6Route,
    conntrack: plan.flows * (kernel.perFlow + bytesPerBucket),
    sets: plan.policies * sets.perPolicy + plan.addresses * sets.perAddress,
    agent:
      agent.base +
      plan.spokes * agent.perSpoke +
      plan.prefixes * agent.perRoute +
      plan.policies * agent.perPolicy +
      plan.addresses * agent.perAddress,
    conntrackd: isPair ? conntrackd.base + plan.flows * conntrackd.perFlow : 0,
  };
  const totalBytes = partNames.reduce((sum, name) => sum + parts[name], 0);
  return { parts, totalBytes, paths: Math.ceil(plan.prefixes * copies) };
}
