/**
 * Whether a change came about: which parts of the table are read back, and what they must show.
 *
 *   Ruleset → Ruleset, RulesetChange ─[checkOf]→ ChangeCheck ─[verifyParts]← ObservedParts
 *
 * Chains that changed and objects that came are read whole, elements that moved are asked for by their keys: hash sets, interval
 * sets and concatenations all answer to a key. Everything else is as it was, since the kernel took the transaction whole.
 * Invariant: where reading the parts would cost as much as reading all, there is no check, and all is read.
 */
import type { RulesetChange } from './diff.ts';
import {
  carryDigest,
  compareDigests,
  type Discrepancy,
  elementsOf,
  expectedChain,
  expectedSet,
} from './expected-table.ts';
import type { Holder, Ruleset } from './ruleset.ts';
import type { ElementQuery, ObservedParts, TableParts } from './table-reader.ts';

export interface ChangeCheck {
  readonly parts: TableParts;
  /** Of the chains and sets of the parts; undefined where it must be gone. */
  readonly objects: ReadonlyMap<string, string | undefined>;
  /** One for each query of the parts. */
  readonly elements: readonly ElementExpectation[];
}

type ElementExpectation =
  | { readonly is: 'there'; readonly whole: string }
  | { readonly is: 'gone'; readonly key: string };

const mostObjects = 500;
const mostElements = 5000;

/** Undefined where the whole table is to be read. Takes note of the digests of maps in which elements moved. */
export function checkOf(before: Ruleset, after: Ruleset, change: RulesetChange): ChangeCheck | undefined {
  if (change.whole || countObjects(change) > mostObjects) return undefined;
  const objects = new Map<string, string | undefined>();
  for (const chain of [...change.newChains, ...change.changedChains.map((edit) => edit.chain)]) {
    objects.set(`chain ${chain.name}`, expectedChain(chain));
  }
  for (const holder of [...change.newSets, ...change.newMaps, ...change.newClasses]) {
    objects.set(`set ${holder.name}`, expectedSet(holder));
  }
  for (const name of change.removedChains) objects.set(`chain ${name}`, undefined);
  for (const name of [...change.removedMaps, ...change.removedSets, ...change.removedClasses])
    objects.set(`set ${name}`, undefined);
  const queries: ElementQuery[] = [];
  const elements: ElementExpectation[] = [];
  for (const { removed, added } of change.elements) {
    const [went, came] = [elementsOf(removed), elementsOf(added)];
    const [from, to] = [holderOf(before, added.name), holderOf(after, added.name)];
    if (from && to) carryDigest(from, to, went, came);
    const keys = new Set(came.map(({ key }) => key));
    for (const { key, attributes } of went) {
      if (keys.has(key)) continue;
      queries.push({ set: added.name, key: attributes });
      elements.push({ is: 'gone', key });
    }
    for (const { whole, attributes } of came) {
      queries.push({ set: added.name, key: attributes });
      elements.push({ is: 'there', whole });
    }
  }
  if (elements.length > mostElements) return undefined;
  const named = (kind: string): string[] =>
    [...objects.keys()].flatMap((name) => (name.startsWith(`${kind} `) ? [name.slice(kind.length + 1)] : []));
  return { parts: { chains: named('chain'), sets: named('set'), elements: queries }, objects, elements };
}

function countObjects(change: RulesetChange): number {
  const lists = [
    change.newChains,
    change.changedChains,
    change.removedChains,
    change.newSets,
    change.newMaps,
    change.newClasses,
    change.removedSets,
    change.removedMaps,
    change.removedClasses,
  ];
  return lists.reduce((count, list) => count + list.length, 0);
}

/** Empty where all of it came about. */
export function verifyParts(
  { parts, objects, elements }: ChangeCheck,
  observed: ObservedParts,
): readonly Discrepancy[] {
  const wrong = parts.elements.flatMap(({ set }, at): Discrepancy[] => {
    const expected = elements[at];
    const found = observed.elements[at];
    if (expected?.is === 'there')
      return found?.whole === expected.whole ? [] : [`set ${set} lacks an element that came`];
    return found !== undefined && found.key === expected?.key ? [`set ${set} has an element that went`] : [];
  });
  return [...compareDigests(objects, observed.digests), ...new Set(wrong)];
}

function holderOf({ sets, maps, classes }: Ruleset, name: string): Holder | undefined {
  return sets.get(name) ?? maps.get(name) ?? classes.get(name);
}
