/** NetworkPolicy: policy for workloads of one namespace; never matches a host endpoint (calico-semantics §1.5). */
import type { GlobalNetworkPolicySpec } from './global-network-policy.ts';

export type NetworkPolicySpec = Omit<
  GlobalNetworkPolicySpec,
  'namespaceSelector' | 'applyOnForward' | 'preDNAT' | 'doNotTrack'
>;
