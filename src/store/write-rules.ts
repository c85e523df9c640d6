/**
 * Rules about writing one resource that its own text cannot show: what it replaces, and what it may not be.
 *
 * Invariant: a rule that is broken refuses the write; nothing is mended silently.
 */

import { calicoApiVersion } from '../resources/kinds.ts';
import { defaultAllowProfile } from '../resources/profile.ts';
import type { AnyResource } from '../resources/resource.ts';
import type { TierSpec } from '../resources/tier.ts';
import type { ResourceName } from './keys.ts';

/** Why a write is refused; `field` is a dotted path, or empty. */
export interface Refusal {
  readonly field: string;
  readonly reason: string;
}

/** Tiers that are always there (semantics §1.3). */
export const builtInTiers: Readonly<Record<string, TierSpec>> = {
  default: { order: 1_000_000, defaultAction: 'Deny' },
  'kube-admin': { order: 1_000, defaultAction: 'Pass' },
  'kube-baseline': { order: 10_000_000, defaultAction: 'Pass' },
};

export function builtInTier(name: string, stamp: { readonly uid: string; readonly now: string }): AnyResource {
  const metadata = { name, uid: stamp.uid, creationTimestamp: stamp.now };
  return { apiVersion: calicoApiVersion, kind: 'Tier', metadata, spec: builtInTiers[name] ?? {} };
}

/** Why this resource may not be written over that one (absent when it is new); undefined when it may. */
export function refuseWrite(resource: AnyResource, existing: AnyResource | undefined): Refusal | undefined {
  if (resource.kind === 'Profile' && resource.metadata.name === defaultAllowProfile) {
    return { field: '', reason: `${defaultAllowProfile} is built in` };
  }
  if (resource.kind === 'NetworkPolicy' && resource.metadata.name.startsWith('knp.default.')) {
    return { field: 'metadata.name', reason: 'names that begin with knp.default. belong to Kubernetes policies' };
  }
  if (resource.kind === 'IPPool' && existing?.kind === 'IPPool') {
    for (const field of ['cidr', 'blockSize'] as const) {
      const [before, after] = [existing.spec[field], resource.spec[field]];
      if (before !== after) {
        return { field: `spec.${field}`, reason: `cannot change from ${before} to ${after}: delete the pool first` };
      }
    }
  }
  return undefined;
}

/** Why a resource may not be deleted, whatever else exists; undefined when it may. */
export function refuseDelete({ kind, name }: ResourceName): Refusal | undefined {
  if (kind === 'Tier' && Object.hasOwn(builtInTiers, name)) return { field: '', reason: 'the tier is built in' };
  if (kind === 'Profile' && name === defaultAllowProfile) return { field: '', reason: 'the profile is built in' };
  return undefined;
}

/** The tier a policy is in; undefined for what is no policy. */
export function tierOf(resource: AnyResource): string | undefined {
  switch (resource.kind) {
    case 'GlobalNetworkPolicy':
    case 'NetworkPolicy':
    case 'StagedGlobalNetworkPolicy':
    case 'StagedNetworkPolicy':
      return resource.spec.tier ?? 'default';
    default:
      return undefined;
  }
}
