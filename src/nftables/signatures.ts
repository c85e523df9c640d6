/**
 * Which of some address sets each address is in: its signature.
 *
 *   AddressSet[] ─[readSignatures]→ signature by host, and by segment of addresses ─[compile]→ elements of verdict maps
 *
 * Invariants: segments are disjoint, sorted, and neighbours differ; a host's signature counts the prefixes around it, so one
 * lookup says all; no signature is empty.
 */
import type { AddressSet } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { comparePrefixes, isHost, lastAddress, type Prefix, printPrefix } from '../net/prefix.ts';

/** Indexes of sets, ascending, as text: `0,5`. */
export type Signature = string;

export interface Signatures {
  /** By printed address. Every host that is a member by itself. */
  readonly hosts: ReadonlyMap<string, { readonly bits: bigint; readonly signature: Signature }>;
  readonly segments: readonly Segment[];
}

/** Both ends included. */
export interface Segment {
  readonly first: bigint;
  readonly last: bigint;
  readonly signature: Signature;
}

export function signatureIndexes(signature: Signature): readonly number[] {
  return signature.split(',').map(Number);
}

export function readSignatures(family: Family, sets: readonly (AddressSet | undefined)[]): Signatures {
  const found = new Map<string, { readonly bits: bigint; signature: Signature }>();
  const prefixes: { readonly prefix: Prefix; readonly index: number }[] = [];
  for (const [index, set] of sets.entries()) {
    for (const [text, prefix] of set?.members ?? []) {
      if (prefix.family !== family) continue;
      if (!isHost(prefix)) {
        prefixes.push({ prefix, index });
        continue;
      }
      const known = found.get(text);
      if (known) known.signature = `${known.signature},${index}`;
      else found.set(text, { bits: prefix.bits, signature: String(index) });
    }
  }
  const segments = segmentsOf(prefixes);
  const hosts = new Map<string, { readonly bits: bigint; readonly signature: Signature }>();
  for (const [text, host] of found) hosts.set(addressText(text), withSegment(host, segments));
  return { hosts, segments };
}

/** As `readSignatures` gives it for this host; undefined if it is in no set by itself. */
export function signatureOfHost(
  host: Prefix,
  sets: readonly (AddressSet | undefined)[],
  segments: readonly Segment[],
): Signature | undefined {
  const text = printPrefix(host);
  const indexes = sets.flatMap((set, index) => (set?.members.has(text) ? [index] : []));
  if (indexes.length === 0) return undefined;
  return withSegment({ bits: host.bits, signature: indexes.join(',') }, segments).signature;
}

/** The address of a printed host prefix. */
export function addressText(prefixText: string): string {
  return prefixText.slice(0, prefixText.lastIndexOf('/'));
}

function withSegment(
  host: { readonly bits: bigint; readonly signature: Signature },
  segments: readonly Segment[],
): { readonly bits: bigint; readonly signature: Signature } {
  const segment = findSegment(segments, host.bits);
  return segment ? { bits: host.bits, signature: union(host.signature, segment.signature) } : host;
}

function union(a: Signature, b: Signature): Signature {
  if (a === b) return a;
  const indexes = new Set([...signatureIndexes(a), ...signatureIndexes(b)]);
  return [...indexes].sort((x, y) => x - y).join(',');
}

function findSegment(segments: readonly Segment[], bits: bigint): Segment | undefined {
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

/** A sweep over addresses with the prefixes around the current one on a stack: prefixes nest, they never cross. */
function segmentsOf(prefixes: { readonly prefix: Prefix; readonly index: number }[]): readonly Segment[] {
  const segments: Segment[] = [];
  const around: { readonly last: bigint; readonly signature: Signature }[] = [];
  let next = 0n;
  const emit = (last: bigint): void => {
    const signature = around.at(-1)?.signature;
    if (signature === undefined || last < next) return;
    const previous = segments.at(-1);
    if (previous && previous.last + 1n === next && previous.signature === signature) {
      segments[segments.length - 1] = { ...previous, last };
    } else {
      segments.push({ first: next, last, signature });
    }
  };
  const close = (last: bigint): void => {
    emit(last);
    next = last + 1n;
    around.pop();
  };
  prefixes.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  for (const { prefix, index } of prefixes) {
    for (let top = around.at(-1); top && top.last < prefix.bits; top = around.at(-1)) close(top.last);
    emit(prefix.bits - 1n);
    next = prefix.bits;
    const outer = around.at(-1)?.signature;
    const signature = outer === undefined ? String(index) : union(outer, String(index));
    around.push({ last: lastAddress(prefix).bits, signature });
  }
  for (let top = around.at(-1); top; top = around.at(-1)) close(top.last);
  return segments;
}
