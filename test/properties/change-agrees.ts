/**
 * What holds of every change from one ruleset to another: done on what was before it gives what is wanted, rule by rule and element by
 * element, and the digests that are carried along with it are those made anew.
 */
import { expect } from 'vitest';
import { checkOf } from '../../src/nftables/check-change.ts';
import { diffRulesets, type RulesetChange } from '../../src/nftables/diff.ts';
import type { ChainEdit } from '../../src/nftables/edit-chain.ts';
import { expectedDigests } from '../../src/nftables/expected-table.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import type { Chain, Holder, Ruleset } from '../../src/nftables/ruleset.ts';

export function expectChangeLeads(before: Ruleset, after: Ruleset): void {
  expectedDigests(before); // as the agent knows them, who has verified what is before
  const change = diffRulesets(before, after);
  if (change.whole) return;
  expect(printRuleset(applied(before, change))).toBe(printRuleset(after));
  checkOf(before, after, change);
  expect(expectedDigests(after)).toEqual(expectedDigests(copied(after)));
}

function applied(before: Ruleset, change: RulesetChange): Ruleset {
  const edited = new Map(change.changedChains.map((edit) => [edit.chain.name, edit]));
  const moved = new Map(change.elements.map((each) => [each.name, each]));
  const holders = <H extends Holder>(from: ReadonlyMap<string, H>, came: readonly H[], went: readonly string[]) => {
    const kept = [...from.values()].filter(({ name }) => !went.includes(name));
    const next = kept.map((holder) => {
      const elements = moved.get(holder.name);
      return elements ? movedHolder(holder, elements.removed, elements.added) : holder;
    });
    return byName([...next, ...came]);
  };
  const chains = [...before.chains.values()].filter(({ name }) => !change.removedChains.includes(name));
  return {
    sets: holders(before.sets, change.newSets, change.removedSets),
    maps: holders(before.maps, change.newMaps, change.removedMaps),
    classes: holders(before.classes, change.newClasses, change.removedClasses),
    chains: byName([...chains.map((chain) => editedChain(chain, edited.get(chain.name))), ...change.newChains]),
  };
}

function movedHolder<H extends Holder>(holder: H, removed: Holder, added: Holder): H {
  const elements = new Map<string, unknown>(elementsOf(holder));
  for (const key of elementsOf(removed).keys()) expect(elements.delete(key), `${holder.name} ${key}`).toBe(true);
  for (const [key, value] of elementsOf(added)) {
    expect(elements.has(key), `${holder.name} ${key}`).toBe(false);
    elements.set(key, value);
  }
  return withElements(holder, elements);
}

function editedChain(chain: Chain, edit: ChainEdit | undefined): Chain {
  if (!edit) return chain;
  expect(chain.rules.length).toBe(edit.rulesBefore);
  const rules = chain.rules.flatMap((rule, at) => [
    ...edit.added.flatMap(({ before, rules: come }) => (before === at ? come : [])),
    ...(edit.removed.includes(at) ? [] : [rule]),
  ]);
  return {
    ...chain,
    rules: [...rules, ...edit.added.flatMap(({ before, rules: come }) => (before === undefined ? come : []))],
  };
}

/** The same ruleset in other objects, of which nothing is known yet. */
function copied(ruleset: Ruleset): Ruleset {
  const copies = <H extends Holder>(holders: ReadonlyMap<string, H>) =>
    byName([...holders.values()].map((holder) => withElements(holder, new Map<string, unknown>(elementsOf(holder)))));
  return {
    sets: copies(ruleset.sets),
    maps: copies(ruleset.maps),
    classes: copies(ruleset.classes),
    chains: byName([...ruleset.chains.values()].map((chain) => ({ ...chain }))),
  };
}

function elementsOf(holder: Holder): ReadonlyMap<string, unknown> {
  return 'classes' in holder ? holder.classes : holder.elements;
}

function withElements<H extends Holder>(holder: H, elements: ReadonlyMap<string, unknown>): H {
  return 'classes' in holder ? { ...holder, classes: elements } : { ...holder, elements };
}

/** In the order in which they are printed. */
function byName<T extends { readonly name: string }>(objects: readonly T[]): ReadonlyMap<string, T> {
  return new Map(objects.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((object) => [object.name, object]));
}
