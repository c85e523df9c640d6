/**
 * Members of selector sets moved: a new ruleset without compiling one.
 *
 *   Ruleset + SetDelta[] ─[moveMembers]→ Ruleset ─[diffRulesets]→ the same elements, and no rule
 *
 * Only where a combination of selectors occurs for the first time, or no more, rules come or go: then all is compiled.
 *
 * Invariant: the result equals compileRuleset of the policy with its sets as they are now; all but the sets and maps that
 * moved are the same objects as before, which is how diffRulesets knows them without looking.
 */
import type { PolicyIntent, SetId } from '../intent/policy/policy-intent.ts';
import { families } from '../net/address.ts';
import { isHost, type Prefix, printPrefix } from '../net/prefix.ts';
import { compileRuleset } from './compile.ts';
import { moveDispatch } from './move-dispatch.ts';
import type { NftSet, Ruleset } from './ruleset.ts';
import { addressSetName, compileAddressSet, compilePortSet } from './selector-sets.ts';

/** How an address set moved; a port set is read whole again, so its id is enough. */
export type MemberChange =
  | {
      readonly kind: 'addresses';
      readonly setId: SetId;
      readonly added: readonly Prefix[];
      readonly removed: readonly Prefix[];
    }
  | { readonly kind: 'ports'; readonly setId: SetId };

/** `policy` holds the sets as they are after the changes; sets the ruleset does not have yet are an error of the caller. */
export function moveMembers(ruleset: Ruleset, policy: PolicyIntent, changes: readonly MemberChange[]): Ruleset {
  if (changes.length === 0) return ruleset;
  const sets = new Map(ruleset.sets);
  for (const change of changes) for (const set of movedSets(sets, policy, change)) sets.set(set.name, set);
  const dispatches = new Map(ruleset.dispatches);
  const maps = new Map(ruleset.maps);
  const moved = new Map<SetId, readonly Prefix[]>();
  for (const change of changes) {
    if (change.kind !== 'addresses') continue;
    moved.set(change.setId, [...(moved.get(change.setId) ?? []), ...change.added, ...change.removed]);
  }
  for (const dispatch of ruleset.dispatches?.values() ?? []) {
    const touched = [...moved].flatMap(([id, prefixes]) => (dispatch.ruleCounts.has(id) ? prefixes : []));
    const own = touched.filter(({ family }) => family === dispatch.family);
    if (own.length === 0) continue;
    const after = moveDispatch(dispatch, ruleset.maps, policy.addressSets, own);
    if (after === 'recompile') return compileRuleset(policy);
    dispatches.set(dispatch.name, after.dispatch);
    for (const map of after.maps) maps.set(map.name, map);
  }
  return { ...ruleset, sets, maps, ...(ruleset.dispatches ? { dispatches } : {}) };
}

function movedSets(sets: ReadonlyMap<string, NftSet>, policy: PolicyIntent, change: MemberChange): readonly NftSet[] {
  if (change.kind === 'ports') {
    const set = policy.portSets.get(change.setId);
    return set ? compilePortSet(set).filter(({ name }) => sets.has(name)) : [];
  }
  const set = policy.addressSets.get(change.setId);
  if (!set) return [];
  // Which prefixes are inside others can only be told from all of them.
  if (![...change.added, ...change.removed].every(isHost)) return compileAddressSet(set, sets);
  return families.flatMap((family) => {
    const added = change.added.filter((prefix) => prefix.family === family);
    const removed = change.removed.filter((prefix) => prefix.family === family);
    const before = sets.get(addressSetName(change.setId, family, 'hosts'));
    if (before?.kind !== 'addresses' || added.length + removed.length === 0) return [];
    const elements = new Map(before.elements);
    for (const prefix of removed) elements.delete(printPrefix(prefix));
    for (const prefix of added) elements.set(printPrefix(prefix), prefix);
    return [{ ...before, elements }];
  });
}
