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
  /** What sort of thing decided. */
  readonly cause: VerdictCause;
  /** The same in words. */
  readonly reason: string;
  readonly trace: readonly TraceStep[];
}

export type VerdictCause =
  | { readonly kind: 'no-route' }
  | { readonly kind: 'rule' }
  | { readonly kind: 'end-of-tier'; readonly tier: string }
  /** Every tier and profile was asked, or there was none: normal stages deny then. */
  | { readonly kind: 'end-of-profiles' }
  | { readonly kind: 'missing-profile'; readonly profile: string }
  | { readonly kind: 'conntrack-invalid' }
  /** `name` says why and for whom it is open, as the kernel's comments do. */
  | { readonly kind: 'failsafe'; readonly list: 'inbound' | 'outbound'; readonly name: string }
  | { readonly kind: 'neighbor-discovery' }
  /** Of a flow that was accepted, or related to one. */
  | { readonly kind: 'established' }
  | { readonly kind: 'no-endpoint' }
  /** Between a Calico host and its own workloads. */
  | { readonly kind: 'workload-interface' }
  | { readonly kind: 'forwarding-default' };

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
  readonly event: TraceEvent;
  readonly stage: VerdictStage;
  readonly endpoint: string | null;
  readonly tier: string | null;
  readonly policy: string | null;
  readonly rule: RuleReference | null;
  /** In words: `matched Allow`, `no match: destination port 443 is not 80`, `end of tier: Deny` … */
  readonly outcome: string;
  readonly position: Position | null;
}

export type TraceEvent =
  | 'route'
  /** The stage was not evaluated; why stands in the outcome. */
  | 'skipped'
  /** Something that comes before any rule decided: failsafe, invalid, neighbor discovery, established. */
  | 'exemption'
  | 'rule-matched'
  /** Only where the detail `rules` was asked for. */
  | 'rule-missed'
  /** No rule of the policy or profile decided. */
  | 'policy-end'
  | 'tier-end'
  | 'profiles-end'
  /** The stage ends without a word. */
  | 'silent'
  | 'default';

/** How much a trace says: every policy, or every rule as well, with the term that failed. */
export type TraceDetail = 'policies' | 'rules';
