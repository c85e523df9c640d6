/** GlobalNetworkPolicy: policy for any endpoint, host endpoints included (calico-semantics §1.4). */
import type { Rule } from './rule.ts';

export type PolicyType = 'Ingress' | 'Egress';

export interface GlobalNetworkPolicySpec {
  readonly tier?: string;
  /** Absent sorts last. */
  readonly order?: number;
  readonly selector?: string;
  readonly namespaceSelector?: string;
  readonly serviceAccountSelector?: string;
  readonly types?: readonly PolicyType[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
  readonly applyOnForward?: boolean;
  readonly preDNAT?: boolean;
  readonly doNotTrack?: boolean;
  readonly performanceHints?: readonly 'AssumeNeededOnEveryNode'[];
}
