import { describe, expect, it } from 'vitest';
import type { AddressSet, PolicyIntent, PortSet, RuleIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { printPrefix } from '../net/prefix.ts';
import { matchesRule } from './match-rule.ts';
import { packet, rules } from './policy.fixture.ts';

function addressSet(id: string, ...texts: string[]): readonly [string, AddressSet] {
  const members = new Map(texts.map((text) => [printPrefix(prefix(text)), prefix(text)]));
  return [id, { id, selector: id, members }];
}

function portSet(id: string, ...texts: string[]): readonly [string, PortSet] {
  const members = texts.map((text) => {
    const [net = '', protocol, port] = text.split(' ');
    return [text, { prefix: prefix(net), protocol: Number(protocol), port: Number(port) }] as const;
  });
  return [id, { id, selector: id, members: new Map(members) }];
}

const sets: Pick<PolicyIntent, 'addressSets' | 'portSets'> = {
  addressSets: new Map([addressSet('s:web', '10.1.1.1/32', '10.1.2.0/24', '2001:db8::1/128'), addressSet('s:none')]),
  portSets: new Map([
    portSet('p:http', '10.1.1.1/32 6 8080', '10.1.1.1/32 17 8081', '10.1.2.0/24 6 80', '10.1.2.9/32 6 81'),
  ]),
};

function rule(terms: Partial<RuleIntent>): RuleIntent {
  const [, { ingress }] = rules('r', 'default', { ingress: [['Allow', terms]] });
  const [first] = ingress;
  if (!first) throw new Error('no rule');
  return first;
}

const web = packet('192.0.2.1', '10.1.1.1', 'tcp/8080');
const ping = packet('192.0.2.1', '10.1.1.1', 'icmp/8/0');
const gre = packet('192.0.2.1', '10.1.1.1', '47');
const port = (first: number, last = first) => ({ ranges: [{ first, last }], portSets: [] });
const named = (...ranges: { first: number; last: number }[]) => ({ ranges, portSets: ['p:http'] });

describe('a rule', () => {
  it.each<[string, Partial<RuleIntent>, typeof web, boolean]>([
    ['without terms takes anything', {}, gre, true],
    ['of the other family does not', { families: [6] }, web, false],
    ['takes its protocol', { protocol: 6 }, web, true],
    ['takes no other protocol', { protocol: 17 }, web, false],
    ['shuns its notProtocol', { notProtocol: 6 }, web, false],
    ['takes other protocols than notProtocol', { notProtocol: 17 }, web, true],

    ['takes its ICMP type', { protocol: 1, icmp: { type: 8 } }, ping, true],
    ['takes no other type', { protocol: 1, icmp: { type: 0 } }, ping, false],
    ['wants type and code', { protocol: 1, icmp: { type: 8, code: 1 } }, ping, false],
    ['shuns notICMP type', { notIcmp: { type: 8 } }, ping, false],
    ['shuns notICMP only with both type and code', { notIcmp: { type: 8, code: 1 } }, ping, true],
    ['takes what is no ICMP at all with notICMP', { notIcmp: { type: 8 } }, web, true],

    [
      'takes an address in one of its nets',
      { destination: { nets: [prefix('10.2.0.0/16'), prefix('10.1.0.0/16')] } },
      web,
      true,
    ],
    ['takes no address outside', { source: { nets: [prefix('10.0.0.0/8')] } }, web, false],
    ['shuns notNets', { destination: { nets: [prefix('10.0.0.0/8')], notNets: [prefix('10.1.0.0/16')] } }, web, false],
    ['takes a member of its set', { destination: { addressSet: 's:web' } }, web, true],
    ['takes a member by prefix', { source: { addressSet: 's:web' } }, packet('10.1.2.77', '192.0.2.1', '47'), true],
    [
      'takes a member of the other family',
      { source: { addressSet: 's:web' } },
      packet('2001:db8::1', '2001:db8::2', '47'),
      true,
    ],
    ['takes no stranger', { source: { addressSet: 's:web' } }, web, false],
    ['takes nobody from an empty set', { destination: { addressSet: 's:none' } }, web, false],
    ['shuns a member of notSelector', { destination: { notAddressSet: 's:web' } }, web, false],
    ['takes everybody else', { source: { notAddressSet: 's:web' } }, web, true],

    ['takes a port in range', { protocol: 6, destination: { ports: port(8000, 8080) } }, web, true],
    ['takes no port above', { protocol: 6, destination: { ports: port(8000, 8079) } }, web, false],
    ['looks at the source port', { protocol: 6, source: { ports: port(40000) } }, web, true],
    ['shuns notPorts', { protocol: 6, destination: { notPorts: port(8080) } }, web, false],
    ['takes a named port of the address', { destination: { ports: named() } }, web, true],
    ['takes no named port of another address', { source: { ports: named() } }, web, false],
    [
      'takes a named port by protocol',
      { destination: { ports: named() } },
      packet('192.0.2.1', '10.1.1.1', 'udp/8080'),
      false,
    ],
    [
      'takes a named port of a wider member',
      { destination: { ports: named() } },
      packet('192.0.2.1', '10.1.2.9', 'tcp/80'),
      true,
    ],
    [
      'takes a number beside a name',
      { protocol: 6, destination: { ports: named({ first: 1, last: 9 }) } },
      packet('192.0.2.1', '10.9.9.9', 'tcp/9'),
      true,
    ],
    ['shuns a named notPort', { destination: { notPorts: named() } }, web, false],
    ['takes no packet without ports where ports are asked', { destination: { ports: named() } }, gre, false],
    ['takes a packet without ports past notPorts', { destination: { notPorts: named() } }, gre, true],
  ])('%s', (_, terms, given, expected) => {
    expect(matchesRule(sets, rule(terms), given)).toBe(expected);
  });

  it('that names a set the intent does not hold is a bug', () => {
    expect(() => matchesRule(sets, rule({ source: { addressSet: 's:gone' } }), web)).toThrow(/s:gone/);
  });
});

it('finds an address among a hundred thousand as fast as among ten', () => {
  const many = new Map<string, ReturnType<typeof prefix>>();
  for (let i = 0; i < 100_000; i++) {
    const length = i % 10 === 0 ? 31 : 32;
    const member = { family: 4, bits: 0x0b000000n + BigInt(i * 2), length } as const;
    many.set(printPrefix(member), member);
  }
  const large = { ...sets, addressSets: new Map([['s:web', { id: 's:web', selector: '', members: many }]]) };
  const question = rule({ destination: { addressSet: 's:web' } });
  const ask = (to: string) => matchesRule(large, question, packet('192.0.2.1', to, '47'));
  expect([ask('11.0.0.1'), ask('11.0.0.2'), ask('11.0.0.3'), ask('11.0.0.21')]).toEqual([true, true, false, true]);

  const started = performance.now();
  for (let i = 0; i < 10_000; i++) ask(`11.${i % 4}.${i % 250}.${i % 251}`);
  // A linear search would take 10,000 × 100,000 comparisons: minutes.
  expect(performance.now() - started).toBeLessThan(10_000);
});
