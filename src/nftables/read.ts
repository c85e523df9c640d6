/**
 * What the kernel holds, read back from `nft -j -a -n list table`.
 *
 *   nft JSON ─[readRuleset]→ ObservedTable ─[verifyObserved]→ Discrepancy[]
 *                                          ─[observedDigests]→ digests ─[diffDigests]→ what someone changed
 *
 * Invariant: any text gives an answer, never an exception. Counters are no part of what is compared: they move by themselves.
 */
import type { Chain, NftSet, Ruleset, VerdictMap } from './ruleset.ts';
import { tableName } from './ruleset.ts';

export interface ObservedTable {
  readonly chains: ReadonlyMap<string, ObservedChain>;
  readonly sets: ReadonlyMap<string, ObservedSet>;
  readonly maps: ReadonlyMap<string, ObservedSet>;
  /** Objects of other sorts, or that could not be read; ours has none. */
  readonly unknown: readonly string[];
}

export interface ObservedChain {
  /** `hook priority`, undefined on chains without hook. */
  readonly base: string | undefined;
  readonly rules: readonly ObservedRule[];
}

export interface ObservedRule {
  readonly handle: number | undefined;
  readonly comment: string | undefined;
  /** The expressions as JSON, without counters' values. */
  readonly text: string;
}

export interface ObservedSet {
  /** Type and flags. */
  readonly declaration: string;
  /** Each element as JSON without counters, sorted. */
  readonly elements: readonly string[];
}

/** In words: which object is not as it should be, and how. */
export type Discrepancy = string;

/** Undefined where the text holds no table of ours, which is also what junk is. */
export function readRuleset(jsonText: string): ObservedTable | undefined {
  const chains = new Map<string, { base: string | undefined; rules: ObservedRule[] }>();
  const sets = new Map<string, ObservedSet>();
  const maps = new Map<string, ObservedSet>();
  const unknown: string[] = [];
  let isThere = false;
  for (const [kind, object] of listedObjects(jsonText)) {
    const name = String(object['name'] ?? '');
    if (kind === 'table') isThere ||= name === tableName && object['family'] === 'inet';
    if (kind === 'table' || kind === 'metainfo' || object['table'] !== tableName || object['family'] !== 'inet')
      continue;
    if (kind === 'chain') chains.set(name, { base: readBase(object), rules: chains.get(name)?.rules ?? [] });
    else if (kind === 'set') sets.set(name, readSet(object));
    else if (kind === 'map') maps.set(name, readSet(object));
    else if (kind === 'rule') {
      const chain = String(object['chain'] ?? '');
      const known = chains.get(chain) ?? { base: undefined, rules: [] };
      chains.set(chain, known);
      known.rules.push(readRule(object));
    } else unknown.push(`${kind} ${name}`);
  }
  return isThere ? { chains, sets, maps, unknown } : undefined;
}

/** The sets in a listing of sets alone, by name. */
export function readSets(jsonText: string): ReadonlyMap<string, ObservedSet> {
  const sets = listedObjects(jsonText).filter(
    ([kind, object]) => kind === 'set' && object['table'] === tableName && object['family'] === 'inet',
  );
  return new Map(sets.map(([, object]) => [String(object['name'] ?? ''), readSet(object)]));
}

type Json = Readonly<Record<string, unknown>>;

function listedObjects(jsonText: string): readonly (readonly [string, Json])[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(jsonText);
  } catch {
    return [];
  }
  const list = isObject(parsed) ? parsed['nftables'] : undefined;
  if (!Array.isArray(list)) return [];
  return list
    .filter(isObject)
    .flatMap((entry) =>
      Object.entries(entry).flatMap(([kind, object]) => (isObject(object) ? [[kind, object] as const] : [])),
    );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readBase(chain: Json): string | undefined {
  if (chain['hook'] === undefined) return undefined;
  return `${chain['type']} ${chain['hook']} ${chain['prio']} ${chain['policy']}`;
}

function readRule(rule: Json): ObservedRule {
  const { handle, comment, expr } = rule as { handle?: unknown; comment?: unknown; expr?: unknown };
  return {
    handle: typeof handle === 'number' ? handle : undefined,
    comment: typeof comment === 'string' ? comment : undefined,
    text: printWithoutCounters(expr),
  };
}

function readSet(set: Json): ObservedSet {
  const elements = Array.isArray(set['elem']) ? set['elem'].map(printWithoutCounters) : [];
  return { declaration: printWithoutCounters([set['type'], set['map'], set['flags']]), elements: elements.sort() };
}

function printWithoutCounters(value: unknown): string {
  return JSON.stringify(value, (key, inner) => (key === 'counter' ? 0 : inner)) ?? '';
}

/**
 * Whether the kernel holds the ruleset: the same objects, in each chain as many rules with the same comments in the same
 * order, in each set and map as many elements. Empty means it does.
 */
export function verifyObserved(ruleset: Ruleset, observed: ObservedTable): readonly Discrepancy[] {
  return [
    ...compareNames('chain', ruleset.chains, observed.chains),
    ...compareNames('set', ruleset.sets, observed.sets),
    ...compareNames('map', ruleset.maps, observed.maps),
    ...observed.unknown.map((what) => `${what} is not ours`),
    ...[...ruleset.chains.values()].flatMap((chain) => verifyChain(chain, observed.chains.get(chain.name))),
    ...[...ruleset.sets.values()].flatMap((set) => verifyElements('set', set, observed.sets.get(set.name))),
    ...[...ruleset.maps.values()].flatMap((map) => verifyElements('map', map, observed.maps.get(map.name))),
  ];
}

function compareNames(
  kind: string,
  desired: ReadonlyMap<string, unknown>,
  observed: ReadonlyMap<string, unknown>,
): readonly Discrepancy[] {
  const missing = [...desired.keys()].filter((name) => !observed.has(name));
  const extra = [...observed.keys()].filter((name) => !desired.has(name));
  return [
    ...missing.map((name) => `${kind} ${name} is missing`),
    ...extra.map((name) => `${kind} ${name} is not ours`),
  ];
}

function verifyChain(chain: Chain, observed: ObservedChain | undefined): readonly Discrepancy[] {
  if (!observed) return [];
  const base = chain.base && `filter ${chain.base.hook} ${chain.base.priority} accept`;
  if (base !== observed.base) return [`chain ${chain.name} hangs in ${observed.base ?? 'no hook'}`];
  if (observed.rules.length !== chain.rules.length) {
    return [`chain ${chain.name} has ${observed.rules.length} rules instead of ${chain.rules.length}`];
  }
  const index = chain.rules.findIndex((rule, i) => rule.comment !== observed.rules[i]?.comment);
  return index < 0 ? [] : [`chain ${chain.name} has another rule at position ${index}`];
}

/** Whether the kernel's set or map has as many elements as it should. */
export function verifyElements(
  kind: 'set' | 'map',
  desired: NftSet | VerdictMap,
  observed: ObservedSet | undefined,
): readonly Discrepancy[] {
  if (!observed || observed.elements.length === desired.elements.size) return [];
  return [`${kind} ${desired.name} has ${observed.elements.length} elements instead of ${desired.elements.size}`];
}

/** One short word per object, by `chain NAME`, `set NAME`, `map NAME`: equal words, equal content. */
export function observedDigests(observed: ObservedTable): Readonly<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const [name, { base, rules }] of observed.chains) {
    digests[`chain ${name}`] = digestOf([base ?? '', ...rules.flatMap(({ comment, text }) => [comment ?? '', text])]);
  }
  for (const [name, set] of observed.sets) digests[`set ${name}`] = digestSet(set);
  for (const [name, map] of observed.maps) digests[`map ${name}`] = digestOf([map.declaration, ...map.elements]);
  for (const what of observed.unknown) digests[what] = '';
  return digests;
}

/** As `observedDigests` has it under `set NAME`. */
export function digestSet(set: ObservedSet): string {
  return digestOf([set.declaration, ...set.elements]);
}

/** The objects whose digests differ, or that only one side has, sorted. */
export function diffDigests(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).sort();
}

/**
 * 64 bits in two lanes of multiply and xor (the shape of FNV-1a, with MurmurHash3's finish). Not cryptographic: it detects
 * that a table changed, and whoever may change it needs no collision. SHA-256 would take seconds for 100,000 elements.
 */
export function digestOf(texts: readonly string[]): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x85ebca6b) + 0x165667b1;
    }
    a = Math.imul(a ^ 0x10000, 0x01000193);
    b = Math.imul(b ^ text.length, 0xc2b2ae35) + 1;
  }
  return `${finish(a)}${finish(b)}`;
}

function finish(lane: number): string {
  let mixed = lane ^ (lane >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0');
}
