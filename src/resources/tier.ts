/** Tier: an ordered group of policies (calico-semantics §1.3). */
export interface TierSpec {
  /** Lower first; 1,000,000 when a manifest leaves it out. */
  readonly order?: number;
  readonly defaultAction?: 'Pass' | 'Deny';
}
