/**
 * The answer for a packet, and why.
 *
 * Invariant: a verdict names the rule that decided, or, where no rule did, says in `reason` which default decided.
 */
import type { Position } from '../resources/resource.ts';

export interface Verdict {
  readonly verdict: 'accept' | 'drop' | 'reject' | 'no-route';
  /** The stage that decided. */
  readonly stage: VerdictStage;
  readonly rule: RuleReference | null;
  readonly position: Position | null;
  /** In words: the rule, end of tier, no profile, failsafe, established, forwarding default … */
  readonly reason: string;
  readonly trace: readonly TraceStep[];
}

export type VerdictStage =
  | 'route'
  | 'untracked-ingress'
  | 'untracked-egress'
  | 'preDNAT-ingress'
  | 'normal-ingress'
  | 'normal-egress'
  | 'forward-ingress'
  | 'forward-egress'
  /** No endpoint or stage spoke: the host's default, or Router.forwarding.defaultAction. */
  | 'default';

export interface RuleReference {
  readonly kind: string;
  readonly name: string;
  /** Null for a profile's rule. */
  readonly tier: string | null;
  readonly direction: 'ingress' | 'egress';
  /** Position in the resource's list for that direction, from 0. */
  readonly index: number;
}

/** One thing that happened on the way, in order. */
export interface TraceStep {
  readonly stage: VerdictStage;
  readonly endpoint: string | null;
  readonly tier: string | null;
  readonly policy: string | null;
  readonly rule: RuleReference | null;
  /** `matched Allow`, `no match`, `end of tier: Deny`, `established: accept` … */
  readonly outcome: string;
  readonly position: Position | null;
}
