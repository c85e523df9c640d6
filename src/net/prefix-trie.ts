/**
 * A map from prefixes to values that answers by longest match, as a forwarding table does.
 *
 *   prefixes + values ─[insert]→ PrefixTrie ─[longestMatch]→ the most specific prefix around an address
 *
 * A path-compressed binary trie per family: a lookup takes as many steps as there are nested prefixes around the address
 * (and branches above them), whatever the number of prefixes. Keys are held as 32-bit words, because bigint arithmetic at
 * every step costs more than the walk itself.
 *
 * Invariant: a node's prefix contains the prefixes of its children and is shorter than both; a node without a value has
 * two children.
 */
import { type Address, bitLength, type Family, families } from './address.ts';
import type { Prefix } from './prefix.ts';

export interface PrefixMatch<V> {
  readonly prefix: Prefix;
  readonly value: V;
}

type Words = readonly number[];

interface Node<V> {
  readonly words: Words;
  readonly length: number;
  match: PrefixMatch<V> | undefined;
  children: [Node<V> | undefined, Node<V> | undefined];
}

export class PrefixTrie<V> {
  readonly #roots: { readonly [F in Family]: Node<V> };
  #size = 0;

  constructor(entries: Iterable<readonly [Prefix, V]> = []) {
    this.#roots = { 4: rootNode(4), 6: rootNode(6) };
    for (const [prefix, value] of entries) this.insert(prefix, value);
  }

  /** How many prefixes have a value. */
  get size(): number {
    return this.#size;
  }

  /** Sets the value of the prefix, replacing the one it had. */
  insert(prefix: Prefix, value: V): void {
    const words = toWords(prefix);
    let node = this.#roots[prefix.family];
    while (node.length < prefix.length) {
      const side = bitAt(words, node.length);
      const child: Node<V> | undefined = node.children[side];
      const shared = child ? sharedLength(words, child.words, Math.min(prefix.length, child.length)) : prefix.length;
      if (child && shared === child.length) {
        node = child;
        continue;
      }
      const next: Node<V> = { words, length: shared, match: undefined, children: [undefined, undefined] };
      if (child) next.children[bitAt(child.words, shared)] = child;
      node.children[side] = next;
      node = next;
    }
    if (!node.match) this.#size++;
    node.match = { prefix, value };
  }

  /** The value of exactly this prefix. */
  get(prefix: Prefix): V | undefined {
    for (const match of this.#path(toWords(prefix), prefix.family, prefix.length)) {
      if (match.prefix.length === prefix.length) return match.value;
    }
    return undefined;
  }

  /** The longest prefix that contains the address. */
  longestMatch(address: Address): PrefixMatch<V> | undefined {
    let longest: PrefixMatch<V> | undefined;
    for (const match of this.matches(address)) longest = match;
    return longest;
  }

  /** Every prefix that contains the address, the shortest (widest) first. */
  matches(address: Address): Iterable<PrefixMatch<V>> {
    return this.#path(toWords(address), address.family, bitLength(address.family));
  }

  /** Every prefix with its value: IPv4 before IPv6, then by address, the wider first. */
  *entries(): Iterable<PrefixMatch<V>> {
    for (const family of families) yield* subtree(this.#roots[family]);
  }

  *#path(words: Words, family: Family, length: number): Generator<PrefixMatch<V>> {
    let node: Node<V> | undefined = this.#roots[family];
    while (node && node.length <= length && sharedLength(words, node.words, node.length) === node.length) {
      if (node.match) yield node.match;
      node = node.length === length ? undefined : node.children[bitAt(words, node.length)];
    }
  }
}

function* subtree<V>(node: Node<V>): Generator<PrefixMatch<V>> {
  if (node.match) yield node.match;
  for (const child of node.children) if (child) yield* subtree(child);
}

function rootNode<V>(family: Family): Node<V> {
  return { words: toWords({ family, bits: 0n }), length: 0, match: undefined, children: [undefined, undefined] };
}

/** Big-endian unsigned words: one for IPv4, four for IPv6. */
function toWords({ family, bits }: Address): Words {
  if (family === 4) return [Number(bits)];
  const high = bits >> 64n;
  const low = bits & 0xffffffffffffffffn;
  return [Number(high >> 32n), Number(high & 0xffffffffn), Number(low >> 32n), Number(low & 0xffffffffn)];
}

function bitAt(words: Words, index: number): 0 | 1 {
  return (((words[index >> 5] ?? 0) >>> (31 - (index & 31))) & 1) === 0 ? 0 : 1;
}

/** How many leading bits two keys share, at most `limit`. */
function sharedLength(a: Words, b: Words, limit: number): number {
  for (let word = 0; word * 32 < limit; word++) {
    const difference = ((a[word] ?? 0) ^ (b[word] ?? 0)) >>> 0;
    if (difference !== 0) return Math.min(limit, word * 32 + Math.clz32(difference));
  }
  return limit;
}
