import { describe, expect, it } from 'vitest';
import { listAttributes, readAttributes, readText, readU64 } from '../../../netlink/attributes.ts';
import { type Message, readMessages } from '../../../netlink/message.ts';
import { diffRulesets } from '../../diff.ts';
import type { Chain, NftSet, Rule, Ruleset } from '../../ruleset.ts';
import { encodeChange, type RuleHandles } from './change.ts';
import { attributes, messages } from './numbers.ts';
import { Transaction } from './transaction.ts';

const rule = (comment: string, outcome: Rule['outcome'] = { kind: 'drop' }): Rule => ({
  matches: [],
  statements: [],
  ...(outcome ? { outcome } : {}),
  comment,
});

function addresses(name: string, numbers: readonly number[]): NftSet {
  const elements = new Map(numbers.map((n) => [`${n}`, { family: 4, bits: BigInt(n), length: 32 } as const]));
  return { kind: 'addresses', name, family: 4, holds: 'hosts', elements };
}

function ruleset(sets: readonly NftSet[], chains: readonly Chain[]): Ruleset {
  return {
    sets: new Map(sets.map((set) => [set.name, set])),
    maps: new Map(),
    classes: new Map(),
    chains: new Map(chains.map((chain) => [chain.name, chain])),
  };
}

interface Encoded {
  readonly transaction: Transaction;
  readonly sent: readonly Extract<Message, { kind: 'data' }>[];
}

function encode(from: Ruleset | undefined, to: Ruleset, handles: RuleHandles = new Map()): Encoded {
  const transaction = new Transaction();
  transaction.begin(5);
  encodeChange(transaction, diffRulesets(from, to), handles);
  const sent = (readMessages(transaction.end()) ?? []).filter((message) => message.kind === 'data');
  return { transaction, sent };
}

/** Without the transaction's begin and end. */
function words({ sent, transaction }: Encoded): readonly string[] {
  const names = Object.entries(messages);
  return sent.slice(1, -1).map(({ type, sequence }) => {
    return `${names.find(([, number]) => number === type)?.[0]}: ${transaction.subjectOf(sequence)}`;
  });
}

describe('a transaction', () => {
  it('names chains before what leads to them, and takes objects away after what leads to them', () => {
    const from = ruleset(
      [addresses('old', [1]), addresses('s', [1, 2])],
      [
        { name: 'c', rules: [rule('a'), rule('to old', { kind: 'jump', chain: 'gone' }), rule('b')] },
        { name: 'gone', rules: [rule('x')] },
      ],
    );
    const to = ruleset(
      [addresses('s', [2, 3]), addresses('new', [7])],
      [
        { name: 'c', rules: [rule('a'), rule('b'), rule('to new', { kind: 'jump', chain: 'come' })] },
        { name: 'come', rules: [rule('y')] },
      ],
    );
    expect(words(encode(from, to, new Map([['c', [11n, 12n, 13n]]])))).toEqual([
      'newChain: chain come',
      'deleteRule: chain c',
      'deleteRule: chain gone',
      'newSet: set new',
      'deleteElements: elements of s',
      'newElements: elements of new',
      'newElements: elements of s',
      'newRule: chain c, to new',
      'newRule: chain come, y',
      'deleteSet: set old',
      'deleteChain: chain gone',
    ]);
  });

  it('puts a rule before the one that stays, and takes the one away that goes, by their handles', () => {
    const from = ruleset([], [{ name: 'c', rules: [rule('a'), rule('b'), rule('c')] }]);
    const to = ruleset([], [{ name: 'c', rules: [rule('a'), rule('x'), rule('c')] }]);
    const { sent } = encode(from, to, new Map([['c', [11n, 12n, 13n]]]));
    const told = sent.slice(1, -1).map((message) => {
      const { handle, position } = attributes.rule;
      const read = readAttributes(message.attributes);
      return [
        message.type,
        ...[handle, position].map((type) => read.get(type)).map((bytes) => bytes && readU64(bytes)),
      ];
    });
    expect(told).toEqual([
      [messages.deleteRule, 12n, undefined],
      [messages.newRule, undefined, 13n],
    ]);
  });

  it('is not made for a chain whose handles are not known', () => {
    const from = ruleset([], [{ name: 'c', rules: [rule('a')] }]);
    expect(() => encode(from, ruleset([], [{ name: 'c', rules: [] }]))).toThrow('chain c');
  });

  it('of a whole table begins with taking the old one away', () => {
    const encoded = encode(undefined, ruleset([addresses('s', [1])], [{ name: 'c', rules: [rule('a')] }]));
    expect(words(encoded)).toEqual([
      'newTable: the table',
      'deleteTable: the table',
      'newTable: the table',
      'newChain: chain c',
      'newSet: set s',
      'newElements: elements of s',
      'newRule: chain c, a',
    ]);
  });

  it('spreads many elements over messages, each of which an attribute can hold, none twice', () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => i);
    const { sent } = encode(undefined, ruleset([addresses('s', numbers)], []));
    const lists = sent
      .filter(({ type }) => type === messages.newElements)
      .map((message) => readAttributes(message.attributes).get(attributes.elements.list) ?? new Uint8Array());
    expect(lists.length).toBeGreaterThan(4);
    for (const list of lists) expect(list.length).toBeLessThan(0xffff);
    const elements = lists.flatMap((list) => listAttributes(list).map(({ bytes }) => bytes.join()));
    expect(new Set(elements).size).toBe(numbers.length);
  });

  it('numbers its messages, so that a refusal tells what was refused', () => {
    const { sent, transaction } = encode(undefined, ruleset([addresses('s', [1])], []));
    expect(sent.map(({ sequence }) => sequence)).toEqual(sent.map((_, at) => at + 1));
    expect(transaction.subjectOf(undefined)).toBeUndefined();
    expect(transaction.subjectOf(999)).toBeUndefined();
  });

  it('speaks of our table alone', () => {
    const { sent } = encode(undefined, ruleset([addresses('s', [1])], [{ name: 'c', rules: [rule('a')] }]));
    const tables = sent.slice(1, -1).map(({ attributes: bytes }) => readText(readAttributes(bytes).get(1) ?? bytes));
    expect(new Set(tables)).toEqual(new Set(['causeway']));
  });
});
