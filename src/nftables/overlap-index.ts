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

/** Boxes with equal prefixes. Mostly one or two; where there are many, those for one destination port by that port. */
interface Leaf<T> {
  entries: Entry<T>[];
  byPort: Map<number, Entry<T>[]> | undefined;
}

/** So many boxes of one leaf are compared one by one. */
const mostCompared = 8;

interface Node<V> {
  /** Prefixes that end inside this byte. */
  readonly here: { readonly prefix: Prefix; readonly value: V }[];
  children: Map<number, Node<V>> | undefined;
}

export class OverlapIndex<T> {
  readonly #bySource = emptyNode<Node<Leaf<T>>>();

  add(box: Box, value: T): void {
    const byDestination = reach(this.#bySource, box.source, emptyNode<Leaf<T>>);
    const leaf = reach(byDestination, box.destination, (): Leaf<T> => ({ entries: [], byPort: undefined }));
    const entry = { box, value };
    if (!leaf.byPort && leaf.entries.length >= mostCompared) sortByPort(leaf);
    if (!leaf.byPort || !addByPort(leaf.byPort, entry)) leaf.entries.push(entry);
  }

  /** Calls `see` for each overlapping box until it returns true; returns whether it did. */
  visit(box: Box, see: (value: T, box: Box) => boolean): boolean {
    return visitOverlapping(this.#bySource, box.source, (byDestination) =>
      visitOverlapping(byDestination, box.destination, (leaf) => visitLeaf(leaf, box, see)),
    );
  }
}

function sortByPort<T>(leaf: Leaf<T>): void {
  const byPort = new Map<number, Entry<T>[]>();
  leaf.entries = leaf.entries.filter((entry) => !addByPort(byPort, entry));
  leaf.byPort = byPort;
}

/** False for a box of several ports. */
function addByPort<T>(byPort: Map<number, Entry<T>[]>, entry: Entry<T>): boolean {
  const { first, last } = entry.box.destinationPort;
  if (first !== last) return false;
  const known = byPort.get(first);
  if (known) known.push(entry);
  else byPort.set(first, [entry]);
  return true;
}

function visitLeaf<T>({ byPort, entries }: Leaf<T>, box: Box, see: (value: T, box: Box) => boolean): boolean {
  const { destinationPort, protocol, sourcePort } = box;
  const seeEntry = (entry: Entry<T>): boolean =>
    spansOverlap(entry.box.destinationPort, destinationPort) &&
    spansOverlap(entry.box.protocol, protocol) &&
    spansOverlap(entry.box.sourcePort, sourcePort) &&
    see(entry.value, entry.box);
  if (entries.some(seeEntry)) return true;
  if (!byPort) return false;
  const { first, last } = destinationPort;
  if (last - first < byPort.size) {
    for (let port = first; port <= last; port++) if (byPort.get(port)?.some(seeEntry)) return true;
    return false;
  }
  for (const ofPort of byPort.values()) if (ofPort.some(seeEntry)) return true;
  return false;
}

function emptyNode<V>(): Node<V> {
  return { here: [], children: undefined };
}

function reach<V>(root: Node<V>, prefix: Prefix, create: () => V): V {
  let node = root;
  for (let depth = 0; depth < Math.floor(prefix.length / 8); depth++) {
    const byte = byteOf(prefix, depth);
    let child = node.children?.get(byte);
    if (!child) {
      child = emptyNode<V>();
      node.children ??= new Map();
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
    const child = node.children?.get(byteOf(prefix, depth));
    if (!child) return false;
    node = child;
  }
  const freeBits = 8 - (prefix.length % 8);
  const firstByte = prefix.length === bitLength(prefix.family) ? 0 : byteOf(prefix, lastDepth);
  for (const [byte, child] of node.children ?? []) {
    if (byte >> freeBits === firstByte >> freeBits && visitAll(child, see)) return true;
  }
  return false;
}

function visitAll<V>(node: Node<V>, see: (value: V) => boolean): boolean {
  if (node.here.some((entry) => see(entry.value))) return true;
  for (const child of node.children?.values() ?? []) if (visitAll(child, see)) return true;
  return false;
}

function byteOf(prefix: Prefix, index: number): number {
  return Number((prefix.bits >> BigInt(bitLength(prefix.family) - 8 * (index + 1))) & 0xffn);
}
