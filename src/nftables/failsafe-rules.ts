/**
 * Failsafe ports as set lookups.
 *
 *   Failsafe[] ─[compileFailsafes]→ Rule[], NftSet[]
 *
 * Invariant: each of these rules accepts in its own hook and leaves no mark, so the next hook asks again (semantics §4.10).
 */
import type { Failsafe } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { comparePrefixes, type Prefix } from '../net/prefix.ts';
import { pruneContained } from './box.ts';
import { printKey } from './keys.ts';
import { objectName } from './names.ts';
import type { Field, Key, Match, NftSet, Rule, Side } from './ruleset.ts';

export interface FailsafeLookup {
  /** Whose list: `inbound`, or `outbound`. */
  readonly list: string;
  readonly remote: Side;
  /** The side whose port must be in the list: the destination, or the source for replies. */
  readonly port: Side;
  readonly interfaceSide: 'in' | 'out';
}

/** One rule for each combination of interfaces, family of remote net, and port or none, that the list has. */
export function compileFailsafes(
  sets: Map<string, NftSet>,
  lookup: FailsafeLookup,
  failsafes: readonly Failsafe[],
): readonly Rule[] {
  const groups = new Map<string, Failsafe[]>();
  for (const failsafe of failsafes) {
    const key = JSON.stringify([
      failsafe.net?.family ?? 0,
      failsafe.interfaces?.toSorted() ?? null,
      ...(failsafe.port === undefined ? ['no port'] : []),
    ]);
    groups.set(key, [...(groups.get(key) ?? []), failsafe]);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([identity, group]) => compileGroup(sets, lookup, identity, group));
}

function compileGroup(
  sets: Map<string, NftSet>,
  lookup: FailsafeLookup,
  identity: string,
  group: readonly Failsafe[],
): Rule {
  const family = group[0]?.net?.family;
  const hasPort = group[0]?.port !== undefined;
  const fields = failsafeFields(lookup, family, hasPort);
  const stem = family === undefined ? lookup.list : `${lookup.list}-v${family}`;
  const name = objectName('failsafe', stem, `${lookup.list} ${identity}`);
  // The declaration is the same for both sides, so that the lists can serve both directions.
  const declared = failsafeFields({ ...lookup, remote: 'source', port: 'destination' }, family, hasPort);
  sets.set(name, { kind: 'tuples', name, fields: declared, elements: failsafeElements(group) });
  const matches: Match[] = [];
  const interfaces = group[0]?.interfaces?.toSorted();
  if (interfaces) matches.push({ kind: 'interface', side: lookup.interfaceSide, negated: false, names: interfaces });
  matches.push({ kind: 'tuple', fields, negated: false, set: name });
  return {
    matches,
    statements: [{ kind: 'counter' }],
    outcome: { kind: 'accept' },
    comment: `failsafe ${lookup.list}`,
  };
}

function failsafeFields(lookup: FailsafeLookup, family: Family | undefined, hasPort: boolean): readonly Field[] {
  const ports: readonly Field[] = hasPort
    ? [{ kind: 'protocol' }, { kind: 'port', side: lookup.port }]
    : [{ kind: 'protocol' }];
  return family === undefined ? ports : [{ kind: 'address', family, side: lookup.remote }, ...ports];
}

function failsafeElements(group: readonly Failsafe[]): ReadonlyMap<string, Key> {
  const elements = new Map<string, Key>();
  for (const { protocol, port } of group) {
    const ports: Key = [
      { kind: 'range', first: protocol, last: protocol },
      ...(port === undefined ? [] : [{ kind: 'range', first: port, last: port } as const]),
    ];
    const nets = group
      .filter((other) => other.protocol === protocol && other.port === port)
      .map((other) => other.net)
      .filter((net): net is Prefix => net !== undefined);
    const keys: readonly Key[] =
      nets.length === 0
        ? [ports]
        : pruneContained(nets.sort(comparePrefixes)).map((prefix): Key => [{ kind: 'prefix', prefix }, ...ports]);
    for (const key of keys) elements.set(printKey(key), key);
  }
  return elements;
}
