/**
 * What an agent answers to a packet question: the verdict, both ends, what the kernel holds for it, and whether that is current.
 *
 *   Verdict ─[decidingComment, placesOf]→ which rules and elements of the kernel's table carry it
 *   Explanation ─[explanationToJson]→ the value `explain packet -o json` prints on a router
 *
 * Invariant: a rule in the kernel is found by its comment, which is the policy rule's name; a verdict that no rule of the
 * kernel gives has none.
 */
import type { RouterStatus } from '../agent/status.ts';
import type { FlowPath } from '../intent/routing/flow-symmetry.ts';
import { commentText } from '../nftables/names.ts';
import type { PacketCount } from '../nftables/read-counters.ts';
import type { Place } from '../nftables/stages.ts';
import type { PacketEnds } from '../verdict/packet-ends.ts';
import { type VerdictJson, verdictToJson } from '../verdict/print-verdict.ts';
import type { StagedVerdict } from '../verdict/staged-verdict.ts';
import type { Verdict, VerdictStage } from '../verdict/verdict.ts';

export interface Explanation {
  readonly verdict: Verdict;
  readonly ends: PacketEnds;
  /** Absent where no staged policy concerns the router. */
  readonly staged?: StagedVerdict;
  /** Whether the same routers see both directions of the flow. */
  readonly path: FlowPath;
  readonly kernel: KernelObjects;
  readonly inForce: InForce;
}

export interface KernelObjects {
  /** What the deciding rule is called in the kernel; null where none decides. */
  readonly comment: string | null;
  /** Why they cannot be read; null when they can. */
  readonly error: string | null;
  readonly objects: readonly KernelObject[];
}

/** A rule of a chain, or an element of a verdict map. */
export interface KernelObject extends PacketCount {
  readonly kind: 'rule' | 'element';
  /** Name of the chain or map. */
  readonly in: string;
  /** Of a rule. */
  readonly handle: number | null;
}

/** Whether the kernel was seen to hold the policy of the newest store revision. */
export interface InForce {
  readonly isCurrent: boolean;
  /** Of the policy the kernel was last seen to hold; null before the first. */
  readonly revision: number | null;
  readonly storedRevision: number;
  /** What keeps the router from what is stored; null when nothing does. */
  readonly error: string | null;
}

export interface ExplanationJson extends VerdictJson {
  readonly kernel: KernelObjects;
  readonly inForce: InForce;
}

export function explanationToJson({ verdict, ends, staged, path, kernel, inForce }: Explanation): ExplanationJson {
  return { ...verdictToJson(verdict, { ends, staged, path }), kernel, inForce };
}

export function inForceOf({ policy, store, lastError }: RouterStatus): InForce {
  return {
    isCurrent: policy.inSync,
    revision: policy.revision,
    storedRevision: store.revision,
    error: lastError?.message ?? null,
  };
}

/** The comment of the rules and elements that give the verdict; undefined where no one of them does. */
export function decidingComment({ cause, rule, verdict }: Verdict): string | undefined {
  switch (cause.kind) {
    case 'rule':
      return rule ? commentText(`${rule.kind}/${rule.name} ${rule.direction}[${rule.index}]`) : undefined;
    case 'end-of-tier':
      return commentText(`Tier/${cause.tier} end of tier`);
    case 'end-of-profiles':
      return 'no tier or profile of the endpoint allowed it';
    case 'missing-profile':
      return commentText(`Profile/${cause.profile} does not exist`);
    case 'conntrack-invalid':
      return 'conntrack state invalid';
    case 'failsafe':
      return commentText(cause.name);
    case 'neighbor-discovery':
      return 'neighbor discovery';
    case 'forwarding-default':
      return verdict === 'accept' ? undefined : 'Router forwarding.defaultAction Deny';
    case 'established':
    case 'no-endpoint':
    case 'workload-interface':
    case 'no-route':
      return undefined;
  }
}

/** The names that the stage's chains and maps begin with. */
export function placesOf(stage: VerdictStage): readonly (Place | 'filter-forward')[] {
  switch (stage) {
    case 'untracked-ingress':
      return ['untracked-in'];
    case 'untracked-egress':
      return ['untracked-out'];
    case 'preDNAT-ingress':
      return ['prednat'];
    case 'normal-ingress':
      return ['local-in'];
    case 'normal-egress':
      return ['local-out', 'local-dnat'];
    case 'forward-ingress':
      return ['forward-in'];
    case 'forward-egress':
      return ['forward-out'];
    case 'default':
      return ['filter-forward'];
    case 'route':
      return [];
  }
}
