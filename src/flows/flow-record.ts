/**
 * What became of packets that the kernel told of.
 *
 * Invariant: keys are stable: this is what `causeway flows -o json` prints. A record never names a rule that it is not sure of:
 * where policy changed between the packet and the reading, `rule` is null and `note` says so.
 */

import type { AddressOwner } from '../verdict/packet-ends.ts';
import type { StagedVerdict } from '../verdict/staged-verdict.ts';
import type { RuleReference, VerdictStage } from '../verdict/verdict.ts';

export interface FlowRecord {
  /** When the first of its packets was read, RFC 3339. */
  readonly time: string;
  /** Why it was told: policy denied it, a Log rule matched it, or a sample shows that staged policy would treat it otherwise. */
  readonly event: 'denied' | 'logged' | 'sampled';
  /** Interfaces; null where the packet came to no such point. */
  readonly in: string | null;
  readonly out: string | null;
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** `tcp`, or a number. */
  readonly protocol: string;
  readonly icmp: { readonly type: number; readonly code: number } | null;
  readonly stage: VerdictStage;
  readonly verdict: 'accept' | 'drop' | 'reject' | 'no-route';
  /** Null where no rule decided, or which one cannot be told. */
  readonly rule: RuleReference | null;
  readonly reason: string;
  /** The Log rules that wrote it. */
  readonly loggedBy: readonly RuleReference[];
  /** What else must be known of it; null mostly. */
  readonly note: string | null;
  /** Packets told of within a second that are the same in all of the above. */
  readonly packets: number;
  /** What staged policy would do; null where it concerns no endpoint of this router. */
  readonly staged: StagedVerdict | null;
}

export interface FlowEnd {
  readonly address: string;
  /** Null where the protocol has none, or the packet did not show it. */
  readonly port: number | null;
  readonly owners: readonly AddressOwner[];
}

/** What a staged policy would do to the flows that were told of: a sample, never all of them. */
export interface StagedSummary {
  /** `StagedGlobalNetworkPolicy/name`. */
  readonly policy: string;
  readonly action: 'Set' | 'Delete';
  /** The enforced policy that it would replace or take away. */
  readonly target: string | null;
  /** Flows that a rule of it matched, or that the end of its tier decided; for Delete, that a rule of the target matched. */
  readonly matched: number;
  /** What those would get with all staged policies in force. */
  readonly wouldAllow: number;
  readonly wouldDeny: number;
  /** How many of those get something else now. */
  readonly differing: number;
}

/** Packets of which there is no record, since the agent began to read. */
export interface Unrecorded {
  /** Denied, but past the kernel's limit of what is told. */
  readonly limited: number;
  /** Told, but thrown away for want of room between the kernel and the agent. */
  readonly lost: number;
  /** Read, but not looked at, so that the agent has time for its other work. */
  readonly skipped: number;
  /** Not to be read as a packet. */
  readonly unreadable: number;
}
