/** GlobalNetworkPolicy: policy for any endpoint, host endpoints included (semantics §1.4). */
import { dnsLabel, selector } from './fields.ts';
import type { Rule } from './rule.ts';
import { ruleList } from './rule-schema.ts';
import {
  boolean,
  type Check,
  child,
  type Fields,
  float,
  list,
  object,
  omitEmpty,
  oneOf,
  optional,
  report,
} from './schema.ts';

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

export const policyType = oneOf('Ingress', 'Egress');

export function globalPolicyFields(): Fields<GlobalNetworkPolicySpec> {
  return {
    tier: omitEmpty(dnsLabel),
    order: optional(float),
    selector: omitEmpty(selector),
    namespaceSelector: omitEmpty(selector),
    serviceAccountSelector: omitEmpty(selector),
    types: omitEmpty(list(policyType, { max: 2, unique: true })),
    ingress: omitEmpty(ruleList({ direction: 'ingress', namespaced: false })),
    egress: omitEmpty(ruleList({ direction: 'egress', namespaced: false })),
    applyOnForward: omitEmpty(boolean),
    preDNAT: omitEmpty(boolean),
    doNotTrack: omitEmpty(boolean),
    performanceHints: omitEmpty(list(oneOf('AssumeNeededOnEveryNode'), { unique: true })),
  };
}

/** What preDNAT and doNotTrack demand (semantics §1.4). */
export const forwardRules: Check<GlobalNetworkPolicySpec> = (value, at, has) => {
  for (const flag of ['preDNAT', 'doNotTrack'] as const) {
    if (value[flag] !== true || value.applyOnForward === true) continue;
    report(
      child(at, flag),
      `${flag} is true, so the policy must have ApplyOnForward set to true: add applyOnForward: true`,
    );
  }
  if (value.preDNAT !== true) return;
  if (value.doNotTrack === true) {
    report(child(at, 'doNotTrack'), 'PreDNAT and DoNotTrack cannot both be true: write two policies');
  }
  if (has('egress'))
    report(child(at, 'egress'), 'PreDNAT policies cannot have any Egress rules: move them to another policy', 'key');
  const index = value.types?.indexOf('Egress') ?? -1;
  if (index >= 0) report(child(at, 'types', index), 'PreDNAT policies cannot have type Egress: write types [Ingress]');
};

export const globalNetworkPolicySchema = object<GlobalNetworkPolicySpec>(globalPolicyFields(), forwardRules);

/** The types a policy without any gets, by the length of its rule lists (semantics §4.4). */
export function inferTypes(spec: Pick<GlobalNetworkPolicySpec, 'types' | 'ingress' | 'egress'>): readonly PolicyType[] {
  if (spec.types !== undefined && spec.types.length > 0) return spec.types;
  if ((spec.egress?.length ?? 0) === 0) return ['Ingress'];
  return (spec.ingress?.length ?? 0) > 0 ? ['Ingress', 'Egress'] : ['Egress'];
}
