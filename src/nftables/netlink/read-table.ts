/**
 * A table of nf_tables as one short word for each of its objects.
 *
 *   Message* ─[TableReading.take]→ (sums) ─[digests]→ TableDigests
 *
 * The same reading is made of what the kernel dumps and of the messages that we would send for a ruleset, so that what is held is
 * compared with what was meant, attribute by attribute. Maps are sets to the kernel and have one space of names with them.
 * Invariants: a chain's digest minds the order of its rules, a set's does not mind that of its elements. An anonymous set
 * has no digest of its own: it counts as content of the rule that looks in it, and must have come whole before that.
 */
import type { Message } from '../../netlink/message.ts';
import { tableName } from '../ruleset.ts';
import type { ElementDigest, TableDigests } from '../table-reader.ts';
import { ContentHash, ContentSum, printLanes } from './content-hash.ts';
import { eachOf, findAttribute, hashContent, numberOf, pickAttributes, spanOf, textAt } from './read-content.ts';
import {
  chainShape,
  elementKeyShape,
  elementShape,
  ruleShape,
  type Shape,
  setShape,
  tableShape,
} from './read-shapes.ts';

/** NFT_MSG_NEW*: what dumps are made of, too. */
export const newMessages = {
  table: 0,
  chain: 3,
  rule: 6,
  set: 9,
  elements: 12,
  generation: 15,
  object: 18,
  flowtable: 22,
} as const;

interface ChainReading {
  /** Of hook, type, policy; undefined until the chain itself came. */
  head: string | undefined;
  rules: number;
  readonly order: ContentHash;
}

/** A set or map: a digest of its declaration, and the sum of its elements. */
export interface SetContent {
  readonly head: string | undefined;
  readonly elements: ContentSum;
}

interface SetReading extends SetContent {
  readonly isAnonymous: boolean;
  head: string | undefined;
}

const anonymous = 0x1;

export class TableReading {
  readonly #hash = new ContentHash();
  readonly #chains = new Map<string, ChainReading>();
  /** By name; an anonymous set of a transaction has no name yet, but an id. */
  readonly #sets = new Map<string, SetReading>();
  /** Objects of kinds that ours has none of: named counters, flowtables. */
  readonly #others = new Set<string>();
  #table: string | undefined;

  /** What is not about our table is passed over. */
  take(message: Message): void {
    if (message.kind !== 'data' || message.subsystem !== 10) return;
    const { attributes: bytes, type } = message;
    if (textAt(bytes, 0, bytes.length, 1) !== tableName) return;
    if (type === newMessages.table) this.#takeTable(bytes);
    else if (type === newMessages.chain) this.#takeChain(bytes);
    else if (type === newMessages.rule) this.#takeRule(bytes);
    else if (type === newMessages.set) this.#takeSet(bytes);
    else if (type === newMessages.elements) this.#takeElements(bytes);
    else if (type === newMessages.object) this.#others.add(`object ${textAt(bytes, 0, bytes.length, 2)}`);
    else if (type === newMessages.flowtable) this.#others.add(`flowtable ${textAt(bytes, 0, bytes.length, 2)}`);
  }

  /** Whether the table itself came. */
  get isThere(): boolean {
    return this.#table !== undefined;
  }

  /** Names of sets and maps that came, anonymous ones included, for their elements to be asked for. */
  setNames(): readonly string[] {
    return [...this.#sets.keys()];
  }

  setContent(name: string): SetContent | undefined {
    return this.#sets.get(name);
  }

  digests(): TableDigests {
    const digests = new Map<string, string>();
    if (this.#table !== undefined) digests.set('table', this.#table);
    for (const name of this.#others) digests.set(name, 'there');
    for (const [name, chain] of this.#chains) {
      digests.set(`chain ${name}`, `${chain.head} ${chain.rules} ${printLanes(chain.order.a, chain.order.b)}`);
    }
    for (const [name, set] of this.#sets) if (!set.isAnonymous) digests.set(`set ${name}`, printSetContent(set));
    return digests;
  }

  #takeTable(bytes: Uint8Array): void {
    this.#table = this.#hashed(() => hashContent(this.#hash, bytes, 0, bytes.length, tableShape, this.#nameSet));
  }

  #takeChain(bytes: Uint8Array): void {
    const chain = this.#chain(textAt(bytes, 0, bytes.length, 3));
    chain.head = this.#hashed(() => {
      hashContent(this.#hash, bytes, 0, bytes.length, chainShape, this.#nameSet);
      const isBase = findAttribute(bytes, 0, bytes.length, 4) >= 0;
      const policy = findAttribute(bytes, 0, bytes.length, 5);
      this.#hash.number(isBase && policy >= 0 ? numberOf(bytes, 0, bytes.length, 5) : 1);
      this.#hash.number(numberOf(bytes, 0, bytes.length, 10) & ~1);
    });
  }

  #takeRule(bytes: Uint8Array): void {
    const chain = this.#chain(textAt(bytes, 0, bytes.length, 2));
    this.#hash.begin();
    hashContent(this.#hash, bytes, 0, bytes.length, ruleShape, this.#nameSet);
    chain.rules++;
    chain.order.number(this.#hash.a);
    chain.order.number(this.#hash.b);
  }

  #takeSet(bytes: Uint8Array): void {
    const name = textAt(bytes, 0, bytes.length, 2);
    const isAnonymous = (numberOf(bytes, 0, bytes.length, 3) & anonymous) !== 0;
    const set = this.#set(setKey(name, numberOf(bytes, 0, bytes.length, 10)), isAnonymous);
    set.head = this.#hashed(() => hashContent(this.#hash, bytes, 0, bytes.length, setShape, this.#nameSet));
  }

  #takeElements(bytes: Uint8Array): void {
    const name = textAt(bytes, 0, bytes.length, 2);
    const set = this.#set(setKey(name, numberOf(bytes, 0, bytes.length, 4)), isAnonymousName(name));
    eachElement(bytes, (from, to) => {
      this.#hash.begin();
      hashContent(this.#hash, bytes, from, to, elementShape, this.#nameSet);
      set.elements.more(this.#hash.a, this.#hash.b);
    });
  }

  #chain(name: string): ChainReading {
    let chain = this.#chains.get(name);
    if (!chain) {
      chain = { head: undefined, rules: 0, order: new ContentHash() };
      chain.order.begin();
      this.#chains.set(name, chain);
    }
    return chain;
  }

  #set(key: string, isAnonymous: boolean): SetReading {
    let set = this.#sets.get(key);
    if (!set) {
      set = { isAnonymous, head: undefined, elements: new ContentSum() };
      this.#sets.set(key, set);
    }
    return set;
  }

  readonly #nameSet = (name: string, id: number): string => {
    if (!isAnonymousName(name)) return name;
    const set = this.#sets.get(setKey(name, id));
    return set ? printSetContent(set) : 'unknown';
  };

  #hashed(write: () => void): string {
    this.#hash.begin();
    write();
    return printLanes(this.#hash.a, this.#hash.b);
  }
}

/** Names of the anonymous sets that a rule of a dump looks in. */
export function anonymousSetsOf(message: Message): readonly string[] {
  if (message.kind !== 'data' || message.type !== newMessages.rule) return [];
  const names: string[] = [];
  hashContent(new ContentHash(), message.attributes, 0, message.attributes.length, ruleShape, (name) => {
    if (isAnonymousName(name)) names.push(name);
    return name;
  });
  return names;
}

export interface ElementReading extends ElementDigest {
  /** The attributes to ask for it by. */
  readonly attributes: Uint8Array;
}

/** NFTA_SET_ELEM_KEY, FLAGS (an interval's end, the default), KEY_END. */
const keyAttributes: ReadonlySet<number> = new Set([1, 3, 10]);

/** The elements in these messages, in order, whatever set they are for. */
export function readElements(messages: Iterable<Message>): readonly ElementReading[] {
  const elements: ElementReading[] = [];
  const hash = new ContentHash();
  for (const message of messages) {
    if (message.kind !== 'data' || message.type !== newMessages.elements) continue;
    const { attributes: bytes } = message;
    const hashed = (from: number, to: number, shape: Shape): string => {
      hash.begin();
      hashContent(hash, bytes, from, to, shape, (name) => name);
      return printLanes(hash.a, hash.b);
    };
    eachElement(bytes, (from, to) => {
      elements.push({
        key: hashed(from, to, elementKeyShape),
        whole: hashed(from, to, elementShape),
        attributes: pickAttributes(bytes, from, to, keyAttributes),
      });
    });
  }
  return elements;
}

function eachElement(bytes: Uint8Array, take: (from: number, to: number) => void): void {
  const list = spanOf(bytes, 0, bytes.length, 3);
  if (list) eachOf(bytes, list.from, list.to, take);
}

/** The set's digest. */
export function printSetContent({ head, elements }: SetContent): string {
  return `${head} ${elements.count} ${printLanes(elements.a, elements.b)}`;
}

/** The kernel numbers anonymous sets by a name with %d in it. */
function isAnonymousName(name: string): boolean {
  return name.startsWith('__set') || name.startsWith('__map');
}

function setKey(name: string, id: number): string {
  return isAnonymousName(name) && id !== 0 ? `${name} ${id}` : name;
}
