/**
 * Sets and maps that belong to one rule and go with it.
 *
 *   Match ─[encodeMatchSet]→ NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, to be found by id in the same transaction
 *
 * Made as nft makes them of `{ a, b }`: a hash set of single values, or an interval set in which what touches is one interval.
 */
import type { Family } from '../../../net/address.ts';
import { isHost, lastAddress, type Prefix } from '../../../net/prefix.ts';
import { mergeSpans, type Span } from '../../box.ts';
import { type CtStateName, type Field, type FieldValue, type Match, tableName, type Verdict } from '../../ruleset.ts';
import { ElementList } from './element-list.ts';
import { KeyEncoder } from './keys.ts';
import { attributes, conntrackStates, dataTypes, messages, setFlags, verdictBytes } from './numbers.ts';
import { writeKeyType } from './sets.ts';
import type { Transaction } from './transaction.ts';
import { elementBytes, setBytes, stateMapBytes } from './user-data.ts';
import { hostOrder } from './words.ts';

export interface AnonymousSet {
  /** A pattern, which the kernel numbers. */
  readonly name: string;
  readonly id: number;
}

/** Undefined where the match needs none. */
export function encodeMatchSet(transaction: Transaction, match: Match): AnonymousSet | undefined {
  const values = valuesOf(match);
  return values && encodeValues(transaction, values.field, values.values);
}

export function encodeStateMap(
  transaction: Transaction,
  verdicts: readonly (readonly [CtStateName, Verdict])[],
): AnonymousSet {
  const { writer } = transaction;
  const set = { name: '__map%d', id: transaction.nextSetId() };
  const message = openSet(transaction, set, setFlags.map, verdicts.length);
  writer.u32(attributes.set.keyType, dataTypes.conntrackState);
  writer.u32(attributes.set.keyLength, 4);
  writer.u32(attributes.set.dataType, dataTypes.verdict);
  writer.u32(attributes.set.dataLength, verdictBytes);
  writer.raw(attributes.set.userData, stateMapBytes());
  transaction.close(message);
  const list = new ElementList(transaction, set.name, 'add', set.id);
  for (const [state, verdict] of verdicts) {
    list.add(hostOrder(conntrackStates[state]), undefined, verdict, undefined, undefined);
  }
  list.end();
  return set;
}

interface Values {
  readonly field: Field;
  /** Sorted and disjoint where any of them is more than one value. */
  readonly values: readonly FieldValue[];
}

/** What `print-rule.ts` writes in braces: prefixes as they are, numbers once they are merged. */
function valuesOf(match: Match): Values | undefined {
  switch (match.kind) {
    case 'address':
      if ('set' in match.in) return undefined;
      return several(match.in.prefixes, {
        field: { kind: 'address', family: match.family, side: match.side },
        values: match.in.prefixes.every(isHost)
          ? match.in.prefixes.map((prefix): FieldValue => ({ kind: 'prefix', prefix }))
          : mergeAddresses(match.family, match.in.prefixes),
      });
    case 'protocol': {
      const values = protocolSpans(match.protocols).map(rangeValue);
      return several(values, { field: { kind: 'protocol' }, values });
    }
    case 'port': {
      const values = mergeSpans(match.ranges).map(rangeValue);
      return several(values, { field: { kind: 'port', side: match.side }, values });
    }
    case 'interface': {
      const values = match.names.map((name): FieldValue => ({ kind: 'name', name }));
      return several(values, { field: { kind: 'interface', side: match.side }, values });
    }
    case 'family':
    case 'icmp':
    case 'interface-prefix':
    case 'ct-state':
    case 'ct-dnat':
    case 'tcp-syn':
    case 'segment-size-above':
    case 'mark':
    case 'tuple':
      return undefined;
  }
}

function several(printed: readonly unknown[], values: Values): Values | undefined {
  return printed.length > 1 ? values : undefined;
}

export function protocolSpans(protocols: readonly number[]): readonly Span[] {
  return mergeSpans(protocols.map((number) => ({ first: number, last: number })));
}

function encodeValues(transaction: Transaction, field: Field, values: readonly FieldValue[]): AnonymousSet {
  const { writer } = transaction;
  const isInterval = values.some(isMany);
  const keys = new KeyEncoder([field], isInterval);
  const set = { name: '__set%d', id: transaction.nextSetId() };
  const elements = isInterval ? intervalElements(keys, values) : values.map((value) => singleElement(keys, value));
  const message = openSet(transaction, set, isInterval ? setFlags.interval : 0, elements.length);
  writeKeyType(writer, [field]);
  writer.raw(
    attributes.set.userData,
    setBytes({ fields: [field], isTypeof: true, mergesElements: isInterval, data: 'none' }),
  );
  transaction.close(message);
  const list = new ElementList(transaction, set.name, 'add', set.id);
  for (const element of elements) {
    if (element.isEnd) list.addEnd(element.key);
    else list.add(element.key, undefined, undefined, undefined, elementBytes(undefined, element.end));
  }
  list.end();
  return set;
}

/** Gives the open message of the set, to which what is left is written. */
function openSet(transaction: Transaction, { name, id }: AnonymousSet, flags: number, size: number): number {
  const { writer } = transaction;
  const message = transaction.open(messages.newSet, 'the set of a rule');
  writer.text(attributes.set.table, tableName);
  writer.text(attributes.set.name, name);
  writer.u32(attributes.set.flags, setFlags.anonymous | setFlags.constant | flags);
  writer.nest(attributes.set.description, () => writer.u32(attributes.description.size, size));
  writer.u32(attributes.set.id, id);
  return message;
}

type SetElement =
  | { readonly isEnd: true; readonly key: Uint8Array }
  | { readonly isEnd: false; readonly key: Uint8Array; readonly end: 'open' | 'closed' };

function singleElement(keys: KeyEncoder, value: FieldValue): SetElement {
  keys.write([value]);
  return { isEnd: false, key: keys.first.slice(), end: 'closed' };
}

/** As nft does: in an anonymous set what comes before the first interval has an end, too. */
function intervalElements(keys: KeyEncoder, values: readonly FieldValue[]): readonly SetElement[] {
  const elements: SetElement[] = [];
  for (const value of values) {
    keys.write([value]);
    const key = keys.first.slice();
    if (elements.length === 0 && key.some((byte) => byte !== 0)) {
      elements.push({ isEnd: true, key: new Uint8Array(key.length) });
    }
    const isClosed = keys.stepPastLast();
    elements.push({ isEnd: false, key, end: isClosed ? 'closed' : 'open' });
    if (isClosed) elements.push({ isEnd: true, key: keys.last.slice() });
  }
  return elements;
}

function isMany(value: FieldValue): boolean {
  switch (value.kind) {
    case 'range':
    case 'addresses':
      return value.first !== value.last;
    case 'prefix':
      return !isHost(value.prefix);
    case 'name':
    case 'class':
      return false;
  }
}

function rangeValue({ first, last }: Span): FieldValue {
  return { kind: 'range', first, last };
}

/** What overlaps or touches becomes one. */
function mergeAddresses(family: Family, prefixes: readonly Prefix[]): readonly FieldValue[] {
  const merged: { first: bigint; last: bigint }[] = [];
  for (const prefix of prefixes.toSorted((a, b) => (a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0))) {
    const last = lastAddress(prefix).bits;
    const previous = merged.at(-1);
    if (!previous || prefix.bits > previous.last + 1n) merged.push({ first: prefix.bits, last });
    else if (last > previous.last) previous.last = last;
  }
  return merged.map(({ first, last }): FieldValue => ({ kind: 'addresses', family, first, last }));
}
