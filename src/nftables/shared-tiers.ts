/**
 * Equal tiers of many endpoints as one object.
 *
 *   TierIntent[] ─[SharedTiers.share]→ the first one equal to it, and the rules of its policies
 *
 * 200 endpoints under a thousand policies name 200,000 of them: they are told apart by identity where they can be, and never
 * by a text of it all.
 */
import type { PolicyIntent, PolicyRules, TierIntent } from '../intent/policy/policy-intent.ts';

export interface SharedTier {
  /** Equal tiers have the same. */
  readonly number: number;
  readonly tier: TierIntent;
  readonly policies: readonly PolicyRules[];
}

export class SharedTiers {
  readonly #policy: PolicyIntent;
  readonly #known = new Map<TierIntent, SharedTier>();
  readonly #alike = new Map<string, SharedTier[]>();
  readonly #profiles = new Map<PolicyRules, readonly PolicyRules[]>();
  #count = 0;

  constructor(policy: PolicyIntent) {
    this.#policy = policy;
  }

  share(tier: TierIntent): SharedTier {
    const known = this.#known.get(tier);
    if (known) return known;
    const { name, defaultAction, policies } = tier;
    const likeness = [name, defaultAction, policies.length, policies[0], policies.at(-1)].join(' ');
    const alike = this.#alike.get(likeness) ?? [];
    let shared = alike.find((each) => policies.every((id, i) => id === each.tier.policies[i]));
    if (!shared) {
      shared = { number: this.#count++, tier, policies: policies.map((id) => this.#require(id)) };
      this.#alike.set(likeness, [...alike, shared]);
    }
    this.#known.set(tier, shared);
    return shared;
  }

  /** A profile as a list of its own. */
  shareProfile(profile: PolicyRules): readonly PolicyRules[] {
    const known = this.#profiles.get(profile) ?? [profile];
    this.#profiles.set(profile, known);
    return known;
  }

  #require(id: string): PolicyRules {
    const rules = this.#policy.policies.get(id);
    if (!rules) throw new Error(`the intent names policy ${id} but does not hold it`);
    return rules;
  }
}
