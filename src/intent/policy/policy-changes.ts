/**
 * Which parts of a router's policy are other ones than before.
 *
 *   PolicyIntent, PolicyIntent ─[comparePolicies]→ PolicyChanges → nftables/, which compiles only these again
 *
 * Invariant: whatever is not named is the same object in both intents, members of sets aside: those move in place. Costs a
 * comparison of references for each policy, endpoint and set, and looks into none.
 */
import type { PolicyId, PolicyIntent, SetId } from './policy-intent.ts';

/** Each list sorted; an entry is new, another object than before, or gone. */
export interface PolicyChanges {
  readonly policies: readonly PolicyId[];
  /** By name. */
  readonly profiles: readonly string[];
  /** By name; those whose place in `PolicyIntent.endpoints` alone moved are not in it. */
  readonly endpoints: readonly string[];
  readonly addressSets: readonly SetId[];
  readonly portSets: readonly SetId[];
  /** Whether any other field differs: failsafes, the default of forwarding, what Felix is set to. */
  readonly settings: boolean;
}

export const noChanges: PolicyChanges = {
  policies: [],
  profiles: [],
  endpoints: [],
  addressSets: [],
  portSets: [],
  settings: false,
};

/** The fields that PolicyChanges names entry by entry; what is staged is enforced nowhere, and shows in the endpoints it concerns. */
const listed: readonly string[] = ['endpoints', 'policies', 'profiles', 'addressSets', 'portSets', 'staged'];

export function comparePolicies(before: PolicyIntent, after: PolicyIntent): PolicyChanges {
  if (before === after) return noChanges;
  const byName = ({ endpoints }: PolicyIntent) => new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  return {
    policies: compareMaps(before.policies, after.policies),
    profiles: compareMaps(before.profiles, after.profiles),
    endpoints: before.endpoints === after.endpoints ? [] : compareMaps(byName(before), byName(after)),
    addressSets: compareMaps(before.addressSets, after.addressSets),
    portSets: compareMaps(before.portSets, after.portSets),
    settings: settingsOf(before) !== settingsOf(after),
  };
}

function compareMaps(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] {
  if (before === after) return [];
  const changed: string[] = [];
  for (const [key, value] of after) if (before.get(key) !== value) changed.push(key);
  for (const key of before.keys()) if (!after.has(key)) changed.push(key);
  return changed.sort();
}

function settingsOf(policy: PolicyIntent): string {
  const fields = Object.entries(policy).filter(([field]) => !listed.includes(field));
  return JSON.stringify(fields, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
