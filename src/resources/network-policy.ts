/** NetworkPolicy: policy for workloads of one namespace; never matches a host endpoint (semantics §1.5). */
import { dnsLabel, selector } from './fields.ts';
import { type GlobalNetworkPolicySpec, policyType } from './global-network-policy.ts';
import { ruleList } from './rule-schema.ts';
import { type Fields, float, list, object, omitEmpty, oneOf, optional } from './schema.ts';

export type NetworkPolicySpec = Omit<
  GlobalNetworkPolicySpec,
  'namespaceSelector' | 'applyOnForward' | 'preDNAT' | 'doNotTrack'
>;

export function namespacedPolicyFields(): Fields<NetworkPolicySpec> {
  return {
    tier: omitEmpty(dnsLabel),
    order: optional(float),
    selector: omitEmpty(selector),
    serviceAccountSelector: omitEmpty(selector),
    types: omitEmpty(list(policyType, { max: 2, unique: true })),
    ingress: omitEmpty(ruleList({ direction: 'ingress', namespaced: true })),
    egress: omitEmpty(ruleList({ direction: 'egress', namespaced: true })),
    performanceHints: omitEmpty(list(oneOf('AssumeNeededOnEveryNode'), { unique: true })),
  };
}

export const networkPolicySchema = object<NetworkPolicySpec>(namespacedPolicyFields());
