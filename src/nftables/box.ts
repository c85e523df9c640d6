/**
 * Boxes: the product of one source prefix, one destination prefix and a range of protocols and of each port.
 *
 *   a rule's terms → Box[] ─[blocks]→ elements of verdict maps
 *
 * Invariant: both prefixes are of one family, and no range is empty. Only numbers in here: what a box means for a packet
 * without ports is for `terms` to see to.
 */
import { bitLength, type Family } from '../net/address.ts';
import { containsPrefix, lastAddress, type Prefix } from '../net/prefix.ts';

/** Both ends included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export const anyProtocol: Span = { first: 0, last: 255 };
export const anyPort: Span = { first: 0, last: 65535 };

export interface Box {
  readonly source: Prefix;
  readonly destination: Prefix;
  readonly protocol: Span;
  readonly sourcePort: Span;
  readonly destinationPort: Span;
}

export function everyAddress(family: Family): Prefix {
  return { family, bits: 0n, length: 0 };
}

export function isSpanAny(span: Span, any: Span): boolean {
  return span.first === any.first && span.last === any.last;
}

export function spansOverlap(a: Span, b: Span): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? containsPrefix(a, b) : containsPrefix(b, a);
}

export function boxesOverlap(a: Box, b: Box): boolean {
  return (
    spansOverlap(a.protocol, b.protocol) &&
    spansOverlap(a.destinationPort, b.destinationPort) &&
    spansOverlap(a.sourcePort, b.sourcePort) &&
    prefixesOverlap(a.source, b.source) &&
    prefixesOverlap(a.destination, b.destination)
  );
}

/** The parts of `a` outside `b`, disjoint; `[a]` itself where they do not meet. */
export function subtractBox(a: Box, b: Box): readonly Box[] {
  if (!boxesOverlap(a, b)) return [a];
  const pieces: Box[] = [];
  let rest = a;
  for (const field of ['protocol', 'destinationPort', 'sourcePort'] as const) {
    for (const span of subtractSpan(rest[field], b[field])) pieces.push({ ...rest, [field]: span });
    rest = { ...rest, [field]: intersectSpans(rest[field], b[field]) };
  }
  for (const field of ['source', 'destination'] as const) {
    for (const prefix of subtractPrefix(rest[field], b[field])) pieces.push({ ...rest, [field]: prefix });
    rest = { ...rest, [field]: b[field].length > rest[field].length ? b[field] : rest[field] };
  }
  return pieces;
}

export function subtractSpan(a: Span, b: Span): readonly Span[] {
  if (!spansOverlap(a, b)) return [a];
  const parts: Span[] = [];
  if (a.first < b.first) parts.push({ first: a.first, last: b.first - 1 });
  if (b.last < a.last) parts.push({ first: b.last + 1, last: a.last });
  return parts;
}

function intersectSpans(a: Span, b: Span): Span {
  return { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) };
}

/** `spans` without `cut`: sorted, disjoint if `spans` are. */
export function subtractFromSpans(spans: readonly Span[], cut: Span): readonly Span[] {
  return spans.flatMap((span) => subtractSpan(span, cut));
}

export function intersectSpanLists(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  return a.flatMap((left) =>
    b.filter((right) => spansOverlap(left, right)).map((right) => intersectSpans(left, right)),
  );
}

/** Sorted, disjoint, not even adjacent: the same numbers. */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous && span.first <= previous.last + 1) {
      merged[merged.length - 1] = { first: previous.first, last: Math.max(previous.last, span.last) };
    } else {
      merged.push({ first: span.first, last: span.last });
    }
  }
  return merged;
}

/** One prefix per bit between the two: the siblings on the way down from `outer` to `inner`. */
function subtractPrefix(outer: Prefix, inner: Prefix): readonly Prefix[] {
  const siblings: Prefix[] = [];
  const width = bitLength(outer.family);
  for (let length = outer.length + 1; length <= inner.length; length++) {
    const shift = BigInt(width - length);
    siblings.push({ family: outer.family, bits: ((inner.bits >> shift) ^ 1n) << shift, length });
  }
  return siblings;
}

/** Without the prefixes that another one contains; sorted by address. */
export function pruneContained(sorted: readonly Prefix[]): readonly Prefix[] {
  const kept: Prefix[] = [];
  let end: { readonly family: Family; readonly bits: bigint } | undefined;
  for (const prefix of sorted) {
    if (end && prefix.family === end.family && prefix.bits <= end.bits) continue;
    kept.push(prefix);
    end = lastAddress(prefix);
  }
  return kept;
}
