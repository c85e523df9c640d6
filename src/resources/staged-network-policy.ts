/** StagedGlobalNetworkPolicy and StagedNetworkPolicy: validated and kept, never enforced (semantics §1.6). */
import { forwardRules, type GlobalNetworkPolicySpec, globalPolicyFields } from './global-network-policy.ts';
import { type NetworkPolicySpec, namespacedPolicyFields } from './network-policy.ts';
import { type Check, child, object, omitEmpty, oneOf, report } from './schema.ts';

export type StagedAction = 'Set' | 'Delete' | 'Learn' | 'Ignore';

export interface StagedGlobalNetworkPolicySpec extends GlobalNetworkPolicySpec {
  readonly stagedAction?: StagedAction;
}

export interface StagedNetworkPolicySpec extends NetworkPolicySpec {
  readonly stagedAction?: StagedAction;
}

const stagedAction = omitEmpty(oneOf('Set', 'Delete', 'Learn', 'Ignore'), 'Set');

/** A staged deletion names its policy and tier, nothing else. */
function deleteIsBare<T extends StagedNetworkPolicySpec>(fields: object): Check<T> {
  const emptied = Object.keys(fields).filter((field) => field !== 'tier') as (keyof T & string)[];
  return (value, at, has) => {
    if (value.stagedAction !== 'Delete') return;
    for (const field of emptied.filter(has)) {
      report(child(at, field), `${field} must be empty when stagedAction is Delete: remove it`, 'key');
    }
  };
}

const globalFields = globalPolicyFields();
const namespacedFields = namespacedPolicyFields();

export const stagedGlobalNetworkPolicySchema = object<StagedGlobalNetworkPolicySpec>(
  { ...globalFields, stagedAction },
  forwardRules,
  deleteIsBare<StagedGlobalNetworkPolicySpec>(globalFields),
);

export const stagedNetworkPolicySchema = object<StagedNetworkPolicySpec>(
  { ...namespacedFields, stagedAction },
  deleteIsBare<StagedNetworkPolicySpec>(namespacedFields),
);
