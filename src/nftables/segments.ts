/**
 * The prefixes of many address sets as segments of addresses that are in the same ones.
 *
 *   AddressSet[] ─[readSegments]→ Segment[] → elements of a class map, and what surrounds a host
 *
 * Invariant: segments are disjoint, sorted, and neighbours differ; none is in no set.
 */
import type { AddressSet, SetId } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { comparePrefixes, isHost, lastAddress, type Prefix } from '../net/prefix.ts';

/** Both ends included; the ids sorted. */
export interface Segment {
  readonly first: bigint;
  readonly last: bigint;
  readonly ids: readonly SetId[];
}

/** A sweep over addresses with the prefixes around the current one on a stack: prefixes nest, they never cross. */
export function readSegments(family: Family, sets: Iterable<AddressSet>): readonly Segment[] {
  const prefixes: { readonly prefix: Prefix; readonly id: SetId }[] = [];
  for (const { id, members } of sets) {
    for (const prefix of members.values()) {
      if (prefix.family === family && !isHost(prefix)) prefixes.push({ prefix, id });
    }
  }
  const segments: Segment[] = [];
  const around: { readonly last: bigint; readonly ids: readonly SetId[] }[] = [];
  let next = 0n;
  const emit = (last: bigint): void => {
    const ids = around.at(-1)?.ids;
    if (ids === undefined || last < next) return;
    const previous = segments.at(-1);
    if (previous && previous.last + 1n === next && equalIds(previous.ids, ids)) {
      segments[segments.length - 1] = { ...previous, last };
    } else {
      segments.push({ first: next, last, ids });
    }
  };
  const close = (last: bigint): void => {
    emit(last);
    next = last + 1n;
    around.pop();
  };
  prefixes.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  for (const { prefix, id } of prefixes) {
    for (let top = around.at(-1); top && top.last < prefix.bits; top = around.at(-1)) close(top.last);
    emit(prefix.bits - 1n);
    next = prefix.bits;
    around.push({ last: lastAddress(prefix).bits, ids: unionIds(around.at(-1)?.ids ?? [], [id]) });
  }
  for (let top = around.at(-1); top; top = around.at(-1)) close(top.last);
  return segments;
}

/** The segment that holds the address. */
export function findSegment(segments: readonly Segment[], bits: bigint): Segment | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.last ?? 0n) < bits) low = middle + 1;
    else high = middle;
  }
  const segment = segments[low];
  return segment && segment.first <= bits ? segment : undefined;
}

/** Both sorted, and so is the result. */
export function unionIds(a: readonly SetId[], b: readonly SetId[]): readonly SetId[] {
  if (a.length === 0 && b.length === 1) return b;
  if (b.every((id) => a.includes(id))) return a;
  return [...new Set([...a, ...b])].sort();
}

function equalIds(a: readonly SetId[], b: readonly SetId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
