/**
 * What has to change in the kernel to get from one ruleset to another.
 *
 *   Ruleset × Ruleset ─[diffRulesets]→ RulesetChange ─[printChange]→ one nft transaction
 *
 * Invariants: a change touches only what differs: elements of sets and maps one by one, chains as a whole. Equal rulesets
 * give an empty change. The transaction leaves the kernel exactly as loading the wanted ruleset afresh would.
 */
import { printKey } from './keys.ts';
import {
  baseDeclaration,
  mapDeclaration,
  mapElementTexts,
  printMapElement,
  printObjects,
  printRuleset,
  printSetAddress,
  setDeclaration,
  setElementTexts,
} from './print.ts';
import { printRule, printVerdict } from './print-rule.ts';
import { type Chain, type NftSet, type Ruleset, tableName, type VerdictMap } from './ruleset.ts';
import { movedKeys } from './versioned-map.ts';

export interface RulesetChange {
  /** The table is to be written whole: there is none, or it holds an object under a declaration that cannot be changed. */
  readonly whole?: Ruleset;
  readonly newSets: readonly NftSet[];
  readonly newMaps: readonly VerdictMap[];
  readonly newChains: readonly Chain[];
  readonly elements: readonly ElementChange[];
  readonly changedChains: readonly Chain[];
  readonly removedChains: readonly string[];
  readonly removedMaps: readonly string[];
  readonly removedSets: readonly string[];
}

/** Elements of one set or map, as nft text, sorted. */
export interface ElementChange {
  readonly name: string;
  /** All elements go first, whatever they are. */
  readonly flushes: 'set' | 'map' | undefined;
  /** Keys alone. */
  readonly removed: readonly string[];
  /** With counter, comment and verdict where it is a map's. */
  readonly added: readonly string[];
}

const nothing: RulesetChange = {
  newSets: [],
  newMaps: [],
  newChains: [],
  elements: [],
  changedChains: [],
  removedChains: [],
  removedMaps: [],
  removedSets: [],
};

/** `from` is what the kernel holds, undefined where the table is absent. */
export function diffRulesets(from: Ruleset | undefined, to: Ruleset): RulesetChange {
  if (from === undefined || hasOtherDeclaration(from, to)) return { ...nothing, whole: to };
  return {
    newSets: added(from.sets, to.sets),
    newMaps: added(from.maps, to.maps),
    newChains: added(from.chains, to.chains),
    elements: [
      ...kept(from.sets, to.sets).map(([before, after]) => diffSet(before, after)),
      ...kept(from.maps, to.maps).map(([before, after]) => diffMap(before, after)),
    ].filter((change) => change.removed.length + change.added.length > 0),
    changedChains: kept(from.chains, to.chains)
      .filter(([before, after]) => chainText(before) !== chainText(after))
      .map(([, after]) => after),
    removedChains: removedNames(from.chains, to.chains),
    removedMaps: removedNames(from.maps, to.maps),
    removedSets: removedNames(from.sets, to.sets),
  };
}

export function isEmptyChange(change: RulesetChange): boolean {
  return change.whole === undefined && Object.values(change).every((list) => Array.isArray(list) && list.length === 0);
}

/**
 * Writes the named objects anew, as the ruleset has them; a name the ruleset does not have is removed. For a table that
 * someone else has changed: the objects may or may not be there, with whatever in them, but under their own declarations.
 */
export function repairChange(ruleset: Ruleset, names: RepairNames): RulesetChange {
  const sets = pick(ruleset.sets, names.sets);
  const maps = pick(ruleset.maps, names.maps);
  return {
    ...nothing,
    newSets: sets.map((set): NftSet => ({ ...set, elements: new Map() })),
    newMaps: maps.map((map) => ({ ...map, elements: new Map() })),
    elements: [
      ...sets.map((set): ElementChange => {
        return { name: set.name, flushes: 'set', removed: [], added: setElementTexts(set) };
      }),
      ...maps.map((map): ElementChange => {
        return { name: map.name, flushes: 'map', removed: [], added: mapElementTexts(map) };
      }),
    ],
    changedChains: pick(ruleset.chains, names.chains),
    removedChains: names.chains.filter((name) => !ruleset.chains.has(name)),
    removedMaps: names.maps.filter((name) => !ruleset.maps.has(name)),
    removedSets: names.sets.filter((name) => !ruleset.sets.has(name)),
  };
}

export interface RepairNames {
  readonly sets: readonly string[];
  readonly maps: readonly string[];
  readonly chains: readonly string[];
}

/**
 * One transaction for `nft -f`; empty text for an empty change.
 *
 * The order is what the kernel asks for: what refers to an object goes before the object does, and an element that
 * overlaps a new one before that comes. Chains are declared first, since elements and rules name them.
 */
export function printChange(change: RulesetChange): string {
  if (change.whole) return printRuleset(change.whole);
  const lines: string[] = [];
  const table = `inet ${tableName}`;
  const declared = [...change.changedChains, ...change.newChains];
  for (const chain of declared) lines.push(`add chain ${table} ${chain.name}${baseBlock(chain)}`);
  for (const chain of change.changedChains) lines.push(`flush chain ${table} ${chain.name}`);
  for (const name of change.removedChains) lines.push(`flush chain ${table} ${name}`);
  if (change.newSets.length + change.newMaps.length > 0) {
    lines.push(printObjects(change.newSets, change.newMaps, [], []).trimEnd());
  }
  for (const { name, flushes } of change.elements) if (flushes) lines.push(`flush ${flushes} ${table} ${name}`);
  for (const { name, removed } of change.elements) {
    if (removed.length > 0) lines.push(`delete element ${table} ${name} { ${removed.join(', ')} }`);
  }
  for (const { name, added } of change.elements) {
    if (added.length > 0) lines.push(`add element ${table} ${name} { ${added.join(', ')} }`);
  }
  if (declared.length > 0) lines.push(printObjects([], [], [], declared).trimEnd());
  for (const name of change.removedMaps) lines.push(`delete map ${table} ${name}`);
  for (const name of change.removedSets) lines.push(`delete set ${table} ${name}`);
  for (const name of change.removedChains) lines.push(`delete chain ${table} ${name}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function baseBlock(chain: Chain): string {
  const base = baseDeclaration(chain);
  return base === undefined ? '' : ` { ${base} }`;
}

function hasOtherDeclaration(from: Ruleset, to: Ruleset): boolean {
  const differs = <T>(list: readonly (readonly [T, T])[], declare: (object: T) => string): boolean =>
    list.some(([before, after]) => declare(before) !== declare(after));
  return (
    differs(kept(from.sets, to.sets), (set) => setDeclaration(set).join('\n')) ||
    differs(kept(from.maps, to.maps), (map) => mapDeclaration(map).join('\n')) ||
    differs(kept(from.chains, to.chains), (chain) => baseDeclaration(chain) ?? '')
  );
}

function diffSet(before: NftSet, after: NftSet): ElementChange {
  const name = after.name;
  if (before.kind === 'addresses' && after.kind === 'addresses') {
    return {
      name,
      flushes: undefined,
      ...diffElements(before.elements, after.elements, printSetAddress, printSetAddress, always),
    };
  }
  if (before.kind === 'tuples' && after.kind === 'tuples') {
    return { name, flushes: undefined, ...diffElements(before.elements, after.elements, printKey, printKey, always) };
  }
  throw new Error(`set ${name} changed its kind under one name`);
}

/** An element of a set says nothing but its key. */
const always = (): boolean => true;

function diffMap(before: VerdictMap, after: VerdictMap): ElementChange {
  const changes = diffElements(
    before.elements,
    after.elements,
    ({ key }) => printKey(key),
    (element) => printMapElement(after, element),
    (a, b) => a.comment === b.comment && printVerdict(a.verdict) === printVerdict(b.verdict),
  );
  return { name: after.name, flushes: undefined, ...changes };
}

/** An element whose verdict or comment changed goes and comes back: nft has no other way. */
function diffElements<E>(
  before: ReadonlyMap<string, E>,
  after: ReadonlyMap<string, E>,
  printElementKey: (element: E) => string,
  printWhole: (element: E) => string,
  /** Of two elements with one key. */
  saysSame: (a: E, b: E) => boolean,
): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  const removed: string[] = [];
  const added: string[] = [];
  const isSame = (a: E, b: E | undefined): boolean => b !== undefined && (a === b || saysSame(a, b));
  const moved = movedKeys(before, after);
  for (const key of moved ?? before.keys()) {
    const element = before.get(key);
    if (element !== undefined && !isSame(element, after.get(key))) removed.push(printElementKey(element));
  }
  for (const key of moved ?? after.keys()) {
    const element = after.get(key);
    if (element !== undefined && !isSame(element, before.get(key))) added.push(printWhole(element));
  }
  return { removed: removed.sort(), added: added.sort() };
}

function chainText(chain: Chain): string {
  return chain.rules.map(printRule).join('\n');
}

function added<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): readonly T[] {
  return [...to].filter(([name]) => !from.has(name)).map(([, object]) => object);
}

function removedNames<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): readonly string[] {
  return [...from.keys()].filter((name) => !to.has(name));
}

/** What both have and is not the very same object. */
function kept<T>(from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>): readonly (readonly [T, T])[] {
  return [...to].flatMap(([name, after]) => {
    const before = from.get(name);
    return before === undefined || before === after ? [] : [[before, after] as const];
  });
}

function pick<T>(objects: ReadonlyMap<string, T>, names: readonly string[]): readonly T[] {
  return names.flatMap((name) => objects.get(name) ?? []);
}
