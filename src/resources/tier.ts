/** Tier: an ordered group of policies (semantics §1.3). */
import { float, object, omitEmpty, oneOf, optional } from './schema.ts';

export interface TierSpec {
  /** Lower first; 1,000,000 when a manifest leaves it out. */
  readonly order?: number;
  readonly defaultAction?: 'Pass' | 'Deny';
}

/** `order: 0` is meaningful; only its absence means the default. */
export const tierSchema = object<TierSpec>({
  order: optional(float),
  defaultAction: omitEmpty(oneOf('Pass', 'Deny')),
});

/** Tiers that always exist, with the values that are theirs alone (semantics §1.3). */
export const builtInTiers: Readonly<Record<string, Required<TierSpec>>> = {
  default: { order: 1_000_000, defaultAction: 'Deny' },
  'kube-admin': { order: 1000, defaultAction: 'Pass' },
  'kube-baseline': { order: 10_000_000, defaultAction: 'Pass' },
};
