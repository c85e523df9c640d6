/**
 * What has to change in the kernel to get from one ruleset to another.
 *
 *   Ruleset × Ruleset ─[diffRulesets]→ RulesetChange ─[netlink/encode]→ one transaction
 *
 * Invariants: a change touches only what differs: elements of sets and maps one by one, rules of chains one by one, so that the
 * counters of all others go on. Equal rulesets give an empty change. What is the same object is not looked into; the cost
 * follows what differs. The transaction leaves the kernel as loading the wanted ruleset afresh would.
 */
import { type ChainEdit, editChain } from './edit-chain.ts';
import { baseDeclaration, classDeclaration, mapDeclaration, setDeclaration } from './print.ts';
import { printVerdict } from './print-rule.ts';
import type { Chain, ClassMap, Holder, MapElement, NftSet, Ruleset, VerdictMap } from './ruleset.ts';
import { movedKeys } from './versioned-map.ts';

export interface RulesetChange {
  /** The table is to be written whole: there is none, or it holds an object under a declaration that cannot be changed. */
  readonly whole?: Ruleset;
  readonly newSets: readonly NftSet[];
  readonly newMaps: readonly VerdictMap[];
  readonly newClasses: readonly ClassMap[];
  readonly newChains: readonly Chain[];
  /** Of sets and maps that stay. */
  readonly elements: readonly ElementChange[];
  readonly changedChains: readonly ChainEdit[];
  readonly removedChains: readonly string[];
  readonly removedMaps: readonly string[];
  readonly removedSets: readonly string[];
  readonly removedClasses: readonly string[];
}

/** An element that says something else goes and comes: the kernel has no other way. */
export interface ElementChange {
  readonly name: string;
  /** The set or map with nothing in it but the elements that go. */
  readonly removed: Holder;
  /** The set or map with nothing in it but the elements that come. */
  readonly added: Holder;
}

const nothing: RulesetChange = {
  newSets: [],
  newMaps: [],
  newClasses: [],
  newChains: [],
  elements: [],
  changedChains: [],
  removedChains: [],
  removedMaps: [],
  removedSets: [],
  removedClasses: [],
};

/** `from` is what the kernel holds, undefined where the table is absent. */
export function diffRulesets(from: Ruleset | undefined, to: Ruleset): RulesetChange {
  if (from === undefined) return { ...nothing, whole: to };
  const sets = compare(from.sets, to.sets);
  const maps = compare(from.maps, to.maps);
  const classes = compare(from.classes, to.classes);
  const chains = compare(from.chains, to.chains);
  const isDeclaredOtherwise =
    differs(sets, (set) => setDeclaration(set).join('\n')) ||
    differs(maps, (map) => mapDeclaration(map).join('\n')) ||
    differs(classes, (map) => classDeclaration(map).join('\n')) ||
    differs(chains, (chain) => baseDeclaration(chain) ?? '');
  if (isDeclaredOtherwise) return { ...nothing, whole: to };
  return {
    newSets: sets.added,
    newMaps: maps.added,
    newClasses: classes.added,
    newChains: chains.added,
    elements: [
      ...sets.changed.flatMap(([before, after]) => diffSet(before, after) ?? []),
      ...maps.changed.flatMap(([before, after]) => diffMap(before, after) ?? []),
      ...classes.changed.flatMap(([before, after]) => diffClasses(before, after) ?? []),
    ],
    changedChains: chains.changed.flatMap(([before, after]) => editChain(before, after) ?? []),
    removedChains: chains.removed,
    removedMaps: maps.removed,
    removedSets: sets.removed,
    removedClasses: classes.removed,
  };
}

export function isEmptyChange(change: RulesetChange): boolean {
  return change.whole === undefined && Object.values(change).every((list) => Array.isArray(list) && list.length === 0);
}

interface Comparison<T> {
  readonly added: readonly T[];
  readonly removed: readonly string[];
  /** What both have and is not the very same object. */
  readonly changed: readonly (readonly [before: T, after: T])[];
}

function compare<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): Comparison<T> {
  const added: T[] = [];
  const removed: string[] = [];
  const changed: (readonly [T, T])[] = [];
  const moved = movedKeys(from, to);
  for (const name of moved ?? to.keys()) {
    const before = from.get(name);
    const after = to.get(name);
    if (after === undefined || before === after) continue;
    if (before === undefined) added.push(after);
    else changed.push([before, after]);
  }
  for (const name of moved ?? from.keys()) if (from.has(name) && !to.has(name)) removed.push(name);
  return { added, removed, changed };
}

function differs<T>({ changed }: Comparison<T>, declare: (object: T) => string): boolean {
  return changed.some(([before, after]) => declare(before) !== declare(after));
}

function diffSet(before: NftSet, after: NftSet): ElementChange | undefined {
  if (before.kind === 'addresses' && after.kind === 'addresses') {
    const { removed, added } = diffElements(before.elements, after.elements, saysNothing);
    return elementChange({ ...after, elements: removed }, { ...after, elements: added });
  }
  if (before.kind === 'tuples' && after.kind === 'tuples') {
    const { removed, added } = diffElements(before.elements, after.elements, saysNothing);
    return elementChange({ ...after, elements: removed }, { ...after, elements: added });
  }
  throw new Error(`set ${after.name} changed its kind under one name`);
}

function diffMap(before: VerdictMap, after: VerdictMap): ElementChange | undefined {
  const { removed, added } = diffElements(before.elements, after.elements, saysSame);
  return elementChange({ ...after, elements: removed }, { ...after, elements: added });
}

function diffClasses(before: ClassMap, after: ClassMap): ElementChange | undefined {
  const { removed, added } = diffElements(before.classes, after.classes, (a, b) => a === b);
  return elementChange({ ...after, classes: removed }, { ...after, classes: added });
}

function elementChange(removed: Holder, added: Holder): ElementChange | undefined {
  return elementCount(removed) + elementCount(added) === 0 ? undefined : { name: added.name, removed, added };
}

export function elementCount(holder: Holder): number {
  return 'classes' in holder ? holder.classes.size : holder.elements.size;
}

/** An element of a set is its key and nothing else. */
const saysNothing = (): boolean => true;

function saysSame(a: MapElement, b: MapElement): boolean {
  return a.comment === b.comment && printVerdict(a.verdict) === printVerdict(b.verdict);
}

function diffElements<E>(
  before: ReadonlyMap<string, E>,
  after: ReadonlyMap<string, E>,
  /** Of two elements with one key. */
  isSame: (a: E, b: E) => boolean,
): { readonly removed: ReadonlyMap<string, E>; readonly added: ReadonlyMap<string, E> } {
  const removed = new Map<string, E>();
  const added = new Map<string, E>();
  const moved = movedKeys(before, after);
  for (const key of moved ?? before.keys()) {
    const [old, wanted] = [before.get(key), after.get(key)];
    if (old === undefined || old === wanted || (wanted !== undefined && isSame(old, wanted))) continue;
    removed.set(key, old);
    if (wanted !== undefined) added.set(key, wanted);
  }
  for (const key of moved ?? after.keys()) {
    if (before.has(key)) continue;
    const wanted = after.get(key);
    if (wanted !== undefined) added.set(key, wanted);
  }
  return { removed, added };
}
