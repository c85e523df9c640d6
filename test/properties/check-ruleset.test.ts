import { expect, it } from 'vitest';
import { prefix } from '../../src/net/literals.fixture.ts';
import type { Key, MapElement, NftSet, Outcome, Rule, Ruleset } from '../../src/nftables/ruleset.ts';
import { checkRuleset } from './check-ruleset.ts';

const fields = [{ kind: 'address', family: 4, side: 'source' }, { kind: 'protocol' }] as const;

function key(net: string, first: number, last: number): Key {
  return [
    { kind: 'prefix', prefix: prefix(net) },
    { kind: 'range', first, last },
  ];
}

function withMap(...keys: readonly Key[]): Partial<Ruleset> {
  const elements = new Map<string, MapElement>(
    keys.map((each, i) => [`${i}`, { key: each, verdict: { kind: 'drop' } }]),
  );
  return { maps: new Map([['m', { name: 'm', fields, isInterval: true, elements }]]) };
}

function withSet(...nets: readonly string[]): Partial<Ruleset> {
  const elements = new Map(nets.map((net) => [net, prefix(net)]));
  const set: NftSet = { kind: 'addresses', name: 's', family: 4, holds: 'prefixes', elements };
  return { sets: new Map([['s', set]]) };
}

function withRule(outcome: Outcome, more: Partial<Rule> = {}): Partial<Ruleset> {
  return { chains: new Map([['c', { name: 'c', rules: [{ matches: [], statements: [], outcome, ...more }] }]]) };
}

it.each<[string, Partial<Ruleset>, string[]]>([
  ['nothing', {}, []],
  ['elements side by side', withMap(key('10.0.0.0/9', 6, 6), key('10.128.0.0/9', 6, 6), key('10.0.0.0/8', 7, 17)), []],
  [
    'elements that overlap',
    withMap(key('10.0.0.0/8', 6, 6), key('10.0.0.0/9', 0, 255)),
    ['map m: elements that overlap'],
  ],
  ['a net inside another', withSet('10.0.0.0/8', '10.1.0.0/16'), ['set s: a member inside another']],
  ['the other family', withSet('::/0'), ['set s: a member of the other family']],
  ['a lost chain', withRule({ kind: 'jump', chain: 'd' }), ['chain c: no chain d']],
  ['a lost map', withRule({ kind: 'lookup', map: 'm', fields: [] }), ['chain c: no map m']],
  ['a quote in a comment', withRule({ kind: 'drop' }, { comment: 'a"b' }), ['chain c: comment "a\\"b"']],
])('finds %s', (_, parts, expected) => {
  expect(checkRuleset({ sets: new Map(), maps: new Map(), classes: new Map(), chains: new Map(), ...parts })).toEqual(
    expected,
  );
});
