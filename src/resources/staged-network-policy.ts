/** StagedGlobalNetworkPolicy and StagedNetworkPolicy: validated and kept, never enforced (calico-semantics §1.6). */
import type { GlobalNetworkPolicySpec } from './global-network-policy.ts';
import type { NetworkPolicySpec } from './network-policy.ts';

export type StagedAction = 'Set' | 'Delete' | 'Learn' | 'Ignore';

export interface StagedGlobalNetworkPolicySpec extends GlobalNetworkPolicySpec {
  readonly stagedAction?: StagedAction;
}

export interface StagedNetworkPolicySpec extends NetworkPolicySpec {
  readonly stagedAction?: StagedAction;
}
