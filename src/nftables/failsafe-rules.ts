/**
 * Failsafes as lookups in maps: as few rules for hundreds of tunnels as for one.
 *
 *   Failsafe[] ─[compileFailsafes]→ Rule[], VerdictMap[]
 *
 * Each element names whose wish it is, and counts for itself.
 * Invariant: what is found is accepted in its own hook and leaves no mark, so the next hook asks again (semantics §4.10). There
 * is one rule for each kind of key, whatever the number of failsafes.
 */
import { nameFailsafe, sortedPurposes } from '../intent/policy/failsafe-words.ts';
import type { Failsafe, FailsafePurpose } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { echoTypes, protocolNumbers } from '../net/ip-protocol.ts';
import { comparePrefixes, containsPrefix } from '../net/prefix.ts';
import { printKey } from './keys.ts';
import { commentText, objectName } from './names.ts';
import type { Field, FieldValue, Key, MapElement, Match, Rule, Side, VerdictMap } from './ruleset.ts';
import type { Place } from './stages.ts';

export interface FailsafeLookup {
  readonly place: Place;
  readonly list: 'inbound' | 'outbound';
  /** Whether it is the list's own packets that are let through, or what answers them. */
  readonly lets: 'requests' | 'replies';
  readonly remote: Side;
  readonly interfaceSide: 'in' | 'out';
}

/** What a key is made of; `family` is of the remote net, `echo` of the ICMP that alone is let through. */
interface KeyKind {
  readonly family: Family | undefined;
  readonly hasInterface: boolean;
  readonly hasPort: boolean;
  readonly echo: Family | undefined;
}

/** In the order of the list, as far as kinds of keys go: the first that lets a packet through is the one that counts it. */
export function compileFailsafes(
  maps: Map<string, VerdictMap>,
  lookup: FailsafeLookup,
  failsafes: readonly Failsafe[],
): readonly Rule[] {
  return groupsOf(lookup.list, failsafes).map((group) => compileGroup(maps, lookup, group));
}

/** What is looked up by one kind of key. */
interface Group {
  readonly kind: KeyKind;
  readonly elements: ReadonlyMap<string, MapElement>;
}

/** All places of a ruleset look the same up, and so does the next ruleset while the list is the same. */
const knownGroups = {
  inbound: new WeakMap<readonly Failsafe[], readonly Group[]>(),
  outbound: new WeakMap<readonly Failsafe[], readonly Group[]>(),
};

function groupsOf(list: FailsafeLookup['list'], failsafes: readonly Failsafe[]): readonly Group[] {
  const known = knownGroups[list].get(failsafes);
  if (known) return known;
  const byKind = new Map<string, { readonly kind: KeyKind; readonly alike: Failsafe[] }>();
  for (const failsafe of failsafes) {
    const kind = kindOf(failsafe);
    const text = JSON.stringify(kind);
    const alike = byKind.get(text)?.alike ?? [];
    alike.push(failsafe);
    byKind.set(text, { kind, alike });
  }
  const groups = [...byKind.values()].map(({ kind, alike }) => ({ kind, elements: elementsOf(list, alike) }));
  knownGroups[list].set(failsafes, groups);
  return groups;
}

function kindOf({ protocol, net, interfaces, port, icmp }: Failsafe): KeyKind {
  return {
    family: net?.family,
    hasInterface: interfaces !== undefined,
    hasPort: port !== undefined,
    echo: icmp === undefined ? undefined : protocol === protocolNumbers.ICMP ? 4 : 6,
  };
}

function compileGroup(maps: Map<string, VerdictMap>, lookup: FailsafeLookup, { kind, elements }: Group): Rule {
  const fields = fieldsOf(lookup, kind);
  const what = [lookup.list, ...(lookup.lets === 'replies' ? ['replies'] : []), ...wordsOf(kind)].join('-');
  const name = objectName(`${lookup.place}-failsafes`, what, `${lookup.place} ${what}`);
  maps.set(name, { name, fields, isInterval: true, elements });
  return { matches: echoMatches(lookup, kind), statements: [], outcome: { kind: 'lookup', map: name, fields } };
}

function wordsOf({ family, hasInterface, hasPort, echo }: KeyKind): readonly string[] {
  return [
    ...(family === undefined ? [] : [`v${family}`]),
    ...(hasInterface ? ['interface'] : []),
    ...(hasPort ? ['port'] : []),
    ...(echo === undefined ? [] : [`echo${echo}`]),
  ];
}

function fieldsOf({ remote, lets, interfaceSide }: FailsafeLookup, kind: KeyKind): readonly Field[] {
  const fields: Field[] = [];
  if (kind.hasInterface) fields.push({ kind: 'interface', side: interfaceSide });
  if (kind.family !== undefined) fields.push({ kind: 'address', family: kind.family, side: remote });
  fields.push({ kind: 'protocol' });
  // A reply comes from the port that was asked.
  if (kind.hasPort) fields.push({ kind: 'port', side: lets === 'replies' ? 'source' : 'destination' });
  return fields;
}

function echoMatches({ lets }: FailsafeLookup, { echo: family }: KeyKind): readonly Match[] {
  if (family === undefined) return [];
  const type = echoTypes[family][lets === 'replies' ? 'reply' : 'request'];
  return [
    { kind: 'icmp', family, field: 'type', negated: false, first: type, last: type },
    { kind: 'icmp', family, field: 'code', negated: false, first: 0, last: 0 },
  ];
}

/** One for each interface. */
interface Opening extends Pick<Failsafe, 'protocol' | 'port' | 'net'> {
  readonly interfaceName: string | undefined;
  readonly purposes: readonly FailsafePurpose[];
}

function elementsOf(list: FailsafeLookup['list'], failsafes: readonly Failsafe[]): ReadonlyMap<string, MapElement> {
  return new Map(
    disjoint(failsafes.flatMap(openingsOf)).map((opening) => {
      const key = keyOf(opening);
      const comment = commentText(nameFailsafe(list, sortedPurposes(opening.purposes)));
      return [printKey(key), { key, verdict: { kind: 'accept' }, comment }];
    }),
  );
}

function openingsOf({ interfaces, purposes = [], ...what }: Failsafe): readonly Opening[] {
  if (!interfaces) return [{ ...what, interfaceName: undefined, purposes }];
  return interfaces.map((interfaceName) => ({ ...what, interfaceName, purposes }));
}

/** Elements must not overlap: of nets in one another the widest stands for all, and for what they all are for. */
function disjoint(openings: readonly Opening[]): readonly Opening[] {
  const kept: Opening[] = [];
  for (const opening of openings.toSorted(compareOpenings)) {
    const last = kept.at(-1);
    if (!last || !covers(last, opening)) kept.push(opening);
    else kept[kept.length - 1] = { ...last, purposes: [...last.purposes, ...opening.purposes] };
  }
  return kept;
}

/** A net stands before those that it contains. */
function compareOpenings(a: Opening, b: Opening): number {
  return (
    a.protocol - b.protocol ||
    (a.port ?? 0) - (b.port ?? 0) ||
    compareTexts(a.interfaceName ?? '', b.interfaceName ?? '') ||
    (a.net && b.net ? comparePrefixes(a.net, b.net) : 0)
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function covers(wide: Opening, narrow: Opening): boolean {
  if (wide.protocol !== narrow.protocol || wide.port !== narrow.port) return false;
  if (wide.interfaceName !== narrow.interfaceName) return false;
  return wide.net === undefined || narrow.net === undefined || containsPrefix(wide.net, narrow.net);
}

/** In the order of `fieldsOf`. */
function keyOf({ interfaceName, net, protocol, port }: Opening): Key {
  const key: FieldValue[] = [];
  if (interfaceName !== undefined) key.push({ kind: 'name', name: interfaceName });
  if (net !== undefined) key.push({ kind: 'prefix', prefix: net });
  key.push({ kind: 'range', first: protocol, last: protocol });
  if (port !== undefined) key.push({ kind: 'range', first: port, last: port });
  return key;
}
