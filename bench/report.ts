/**
 * The figures of a run, as they stand in the JSON file.
 *
 *   measurements → BenchReport → print-report, file
 *
 * Invariant: it holds everything that the tables show; its keys only ever grow.
 */

import type { Disturbance } from '../lab/disturbances.ts';
import type { SizeConstants } from '../src/size/constants.ts';
import type { PartName, RouterPlan } from '../src/size/predict.ts';
import type { HubSize } from './control-plane/hub.ts';
import type { BfdTimers } from './failover/lab-variant.ts';
import type { LaneResult, Traffic } from './forwarding/measure-forwarding.ts';
import type { Layout, Variant } from './forwarding/variants.ts';
import type { Machine } from './machine.ts';
import type { Memory } from './memory.ts';
import type { SpokeSize } from './routing/spokes.ts';
import type { Summary } from './statistics.ts';

export interface BenchReport {
  readonly version: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly isQuick: boolean;
  readonly machine: Machine;
  readonly compile?: CompileReport;
  readonly change?: ChangeReport;
  readonly agent?: AgentReport;
  readonly forwarding?: ForwardingReport;
  readonly routing?: RoutingReport;
  readonly failover?: FailoverReport;
  readonly links?: LinksReport;
  readonly size?: SizeReport;
}

/** One link each, set up by our driver and by hand. */
export interface LinksReport {
  readonly rounds: number;
  readonly rows: readonly LinkRow[];
}

export interface LinkRow {
  readonly title: string;
  /** What carries packets: of the kernel, or in its place. */
  readonly driver: string;
  readonly ours: LinkFigures;
  readonly byHand: LinkFigures;
  /** Ours to by hand, of the medians. */
  readonly throughputRatio: number;
  readonly roundTripRatio: number;
}

export interface LinkFigures {
  /** A second, of one TCP connection. */
  readonly megabits: Summary;
  /** Microseconds there and back, of one datagram of 64 bytes. */
  readonly roundTrip: Summary;
}

/** Bytes of one of each thing, and a size they are not from, predicted and measured. */
export interface SizeReport {
  readonly constants: SizeConstants;
  /** Those that `causeway size` had when the run began. */
  readonly before: SizeConstants;
  readonly isWritten: boolean;
  readonly plan: RouterPlan;
  readonly rows: readonly {
    readonly part: PartName;
    readonly measuredBytes: number;
    readonly predictedBytes: number;
  }[];
}

export interface FailoverReport {
  readonly runs: number;
  readonly rows: readonly FailoverRow[];
}

/** One thing that befalls a router; of each run the flow that lost most. */
export interface FailoverRow {
  readonly what: Disturbance;
  readonly title: string;
  readonly bfd: BfdTimers;
  readonly isPlanned: boolean;
  /** Longest time without an answer. */
  readonly milliseconds: Summary;
  /** Datagrams, of one each millisecond, that no answer came to. */
  readonly lost: Summary;
  /** TCP connections over all runs, and those of which every byte came back. */
  readonly connections: number;
  readonly connectionsWhole: number;
}

/** From the start of BIRD until the kernel holds every route; milliseconds. */
export interface HubStart {
  readonly start: Summary;
  /** At its highest. */
  readonly residentMiB: number;
}

export const hubTexts = ['ours', 'guarded', 'bare'] as const;
export type HubText = (typeof hubTexts)[number];

/** An agent with its BIRD and all spokes but one. */
export interface LiveHubReport {
  readonly size: SpokeSize;
  /** From before one more peer is committed to the store until the kernel holds all its routes; milliseconds. */
  readonly added: Summary;
  /** One peer that withdraws and announces all it has. */
  readonly flap: {
    readonly perSecond: number;
    readonly seconds: number;
    readonly agentCpuPercent: number;
    readonly birdCpuPercent: number;
    /** The agent's, at the end, and more than before. */
    readonly residentMiB: number;
    readonly grownMiB: number;
  };
}

export interface RoutingReport {
  readonly size: SpokeSize;
  readonly rounds: number;
  readonly ours: HubStart;
  /** BIRD with a configuration by hand that refuses and remembers the same. */
  readonly guarded: HubStart;
  /** BIRD with a configuration by hand that knows a prefix for each peer, and nothing else. */
  readonly bare: HubStart;
  /** Ours to the guarded one, of the medians. */
  readonly ratio: number;
  /** From a snapshot to the text of bird.conf; milliseconds. */
  readonly generate: Summary & { readonly sessions: number };
  readonly live: LiveHubReport;
}

export interface ForwardingReport {
  readonly framesPerSlice: number;
  readonly rounds: number;
  readonly core: number;
  /** Whether the sender was safe from other tasks of its core. */
  readonly isFifo: boolean;
  /** ns per frame that never reached a router. */
  readonly senderAlone: Readonly<Record<Traffic, Summary>>;
  readonly rows: readonly ForwardingRow[];
}

/** One router and one sort of traffic; times are ns per packet, net of the sender unless called gross. */
export interface ForwardingRow {
  readonly router: string;
  readonly layout: Layout;
  readonly rules: number;
  readonly traffic: Traffic;
  readonly net: Summary;
  readonly gross: Summary;
  readonly discardedSlices: number;
  /** Quotients of median net times, of the same traffic. */
  readonly ratioToBare: number;
  readonly ratioToAccept: number;
}

export const compileStages = ['snapshot', 'intent', 'ruleset', 'text', 'kernel'] as const;
export type CompileStage = (typeof compileStages)[number];

export interface CompileReport {
  readonly size: HubSize;
  readonly rounds: number;
  /** Milliseconds. */
  readonly stages: Readonly<Record<CompileStage, Summary>>;
  readonly textMiB: number;
  readonly sets: number;
  /** After compiling once, resources included; nft runs in a process of its own. */
  readonly memory: Memory;
}

/** Milliseconds of one step, over all changes. */
export interface StepTimes extends Summary {
  readonly p99: number;
}

export interface ChangePathReport {
  readonly changes: number;
  readonly total: StepTimes;
  readonly steps: Readonly<Record<ChangeStep, StepTimes>>;
}

/** One change at a time, inside one process. */
export interface ChangeReport {
  readonly size: HubSize;
  readonly label: ChangePathReport;
  /** nft, a process for each, taking the element that a label moved out and putting it back. */
  readonly nft: StepTimes;
  readonly edit: ChangePathReport;
  /** After all changes, with what an agent keeps: resources, index, intent and the ruleset the kernel was given. */
  readonly memory: Memory;
}

/** An agent in a process of its own, with a store and a kernel. Times are milliseconds. */
export interface AgentReport {
  readonly size: HubSize;
  /** All resources into the store, in one transaction. */
  readonly fillMs: number;
  /** From the process's start until the kernel was seen to hold the policy. */
  readonly startMs: number;
  readonly idle: { readonly cpuPercent: number; readonly residentMiB: number };
  /** From before the commit of one changed label until the kernel told of it; and rules the kernel told of meanwhile. */
  readonly label: StepTimes & { readonly rulesTouched: number };
  /** The same for one edited policy. */
  readonly edit: StepTimes;
  readonly sustained: {
    readonly perSecond: number;
    readonly seconds: number;
    /** From the last commit until the kernel told of it. */
    readonly lagMs: number;
    readonly cpuPercent: number;
    readonly grownMiB: number;
  };
}

export const changeSteps = ['snapshot', 'intent', 'ruleset', 'kernel'] as const;
export type ChangeStep = (typeof changeSteps)[number];

export function reportForwarding(variants: readonly Variant[], results: readonly LaneResult[]): ForwardingRow[] {
  const medianOf = (layout: Layout, traffic: Traffic) => {
    const name = variants.find((variant) => variant.layout === layout)?.name;
    return results.find((result) => result.lane === name && result.traffic === traffic)?.net.median ?? Number.NaN;
  };
  return results.flatMap((result) => {
    const variant = variants.find(({ name }) => name === result.lane);
    if (variant === undefined) return [];
    const { traffic, net, gross, discarded } = result;
    const { layout, rules } = variant;
    return [
      {
        router: variant.name,
        layout,
        rules,
        traffic,
        net,
        gross,
        discardedSlices: discarded,
        ratioToBare: net.median / medianOf('bare', traffic),
        ratioToAccept: net.median / medianOf('accept', traffic),
      },
    ];
  });
}
