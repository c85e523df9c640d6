/**
 * Finds which boxes overlap a box without comparing it to all of them.
 *
 *   Box ─[add]→ OverlapIndex ─[visit]→ every box that overlaps a given one
 *
 * A trie over the bytes of the source prefix, each node of which holds one over the destination prefix: boxes met on the
 * way down contain the wanted prefix, boxes below are inside it, all others are never looked at.
 */
import { bitLength } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Box, prefixesOverlap, spansOverlap } from './box.ts';

interface Entry<T> {
  readonly box: Box;
  readonly value: T;
}

/** Boxes with equal prefixes: those for one destination port by that port, for there may be thousands. */
interface Leaf<T> {
  readonly byPort: Map<number, Entry<T>[]>;
  readonly ranges: Entry<T>[];
}

interface Node<V> {
  /** Prefixes that end inside this byte. */
  readonly here: { readonly prefix: Prefix; readonly value: V }[];
  readonly children: Map<number, Node<V>>;
}

export class OverlapIndex<T> {
  readonly #bySource = emptyNode<Node<Leaf<T>>>();

  add(box: Box, value: T): void {
    const byDestination = reach(this.#bySource, box.source, emptyNode<Leaf<T>>);
    const leaf = reach(byDestination, box.destination, (): Leaf<T> => ({ byPort: new Map(), ranges: [] }));
    const { first, last } = box.destinationPort;
    const entries = first === last ? (leaf.byPort.get(first) ?? []) : leaf.ranges;
    entries.push({ box, value });
    if (first === last) leaf.byPort.set(first, entries);
  }

  /** Calls `see` for each overlapping box until it returns true; returns whether it did. */
  visit(box: Box, see: (value: T, box: Box) => boolean): boolean {
    return visitOverlapping(this.#bySource, box.source, (byDestination) =>
      visitOverlapping(byDestination, box.destination, (leaf) => visitLeaf(leaf, box, see)),
    );
  }
}

function visitLeaf<T>({ byPort, ranges }: Leaf<T>, box: Box, see: (value: T, box: Box) => boolean): boolean {
  const { destinationPort, protocol, sourcePort } = box;
  const seeEntry = (entry: Entry<T>): boolean =>
    spansOverlap(entry.box.destinationPort, destinationPort) &&
    spansOverlap(entry.box.protocol, protocol) &&
    spansOverlap(entry.box.sourcePort, sourcePort) &&
    see(entry.value, entry.box);
  if (ranges.some(seeEntry)) return true;
  const { first, last } = destinationPort;
  if (last - first < byPort.size) {
    for (let port = first; port <= last; port++) if (byPort.get(port)?.some(seeEntry)) return true;
    return false;
  }
  for (const entries of byPort.values()) if (entries.some(seeEntry)) return true;
  return false;
}

function emptyNode<V>(): Node<V> {
  return { here: [], children: new Map() };
}

function reach<V>(root: Node<V>, prefix: Prefix, create: () => V): V {
  let node = root;
  for (let depth = 0; depth < Math.floor(prefix.length / 8); depth++) {
    const byte = byteOf(prefix, depth);
    let child = node.children.get(byte);
    if (!child) {
      child = emptyNode<V>();
      node.children.set(byte, child);
    }
    node = child;
  }
  const known = node.here.find((entry) => entry.prefix.length === prefix.length && entry.prefix.bits === prefix.bits);
  if (known) return known.value;
  const value = create();
  node.here.push({ prefix, value });
  return value;
}

function visitOverlapping<V>(root: Node<V>, prefix: Prefix, see: (value: V) => boolean): boolean {
  let node = root;
  const lastDepth = Math.floor(prefix.length / 8);
  for (let depth = 0; ; depth++) {
    if (node.here.some((entry) => prefixesOverlap(entry.prefix, prefix) && see(entry.value))) return true;
    if (depth === lastDepth) break;
    const child = node.children.get(byteOf(prefix, depth));
    if (!child) return false;
    node = child;
  }
  const freeBits = 8 - (prefix.length % 8);
  const firstByte = prefix.length === bitLength(prefix.family) ? 0 : byteOf(prefix, lastDepth);
  for (const [byte, child] of node.children) {
    if (byte >> freeBits === firstByte >> freeBits && visitAll(child, see)) return true;
  }
  return false;
}

function visitAll<V>(node: Node<V>, see: (value: V) => boolean): boolean {
  if (node.here.some((entry) => see(entry.value))) return true;
  for (const child of node.children.values()) if (visitAll(child, see)) return true;
  return false;
}

function byteOf(prefix: Prefix, index: number): number {
  return Number((prefix.bits >> BigInt(bitLength(prefix.family) - 8 * (index + 1))) & 0xffn);
}
