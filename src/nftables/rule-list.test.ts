import { describe, expect, it } from 'vitest';
import type { AddressSet } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import type { OrderedRule } from './block.ts';
import { anyPort, anyProtocol, everyAddress } from './box.ts';
import { ClassFeed } from './class-feed.ts';
import { RuleList } from './rule-list.ts';

function rule(action: OrderedRule['action'], selectors: OrderedRule['selectors'], net = '0.0.0.0/0'): OrderedRule {
  const variant = {
    sources: [prefix(net)],
    destinations: [everyAddress(4)],
    protocols: [anyProtocol],
    sourcePorts: [anyPort],
    destinationPorts: [anyPort],
    alternatives: [[]],
  };
  return {
    action,
    origin: `${action} ${JSON.stringify(selectors)} ${net}`,
    logPrefix: '',
    variants: [variant],
    selectors: selectors ?? {},
  };
}

function sources(count: number, action: OrderedRule['action'] = 'Allow'): OrderedRule[] {
  return Array.from({ length: count }, (_, i) => rule(action, { source: `s:${i}` }));
}

/** One host for each list of selectors. */
function feedOf(hosts: readonly (readonly string[])[]): ClassFeed {
  const feed = new ClassFeed(4);
  const members = new Map<string, Map<string, ReturnType<typeof prefix>>>();
  for (const [i, ids] of hosts.entries()) {
    const text = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`;
    for (const id of ids) members.set(id, (members.get(id) ?? new Map()).set(text, prefix(text)));
  }
  feed.update(
    [...members].map(([id, each]): AddressSet => ({ id, selector: id, members: each })),
    new Map(),
  );
  return feed;
}

function kinds(list: RuleList): readonly string[] {
  return list.blocks.map((block) =>
    block.kind === 'dispatch' ? `by ${block.side}: ${block.rules.length - (block.wide?.size ?? 0)}` : block.kind,
  );
}

const noMembers = feedOf([]);

describe('rules with selectors', () => {
  it('are dispatched together, however many and whatever they say', () => {
    const list = sources(500).map((each, i): OrderedRule => ({ ...each, action: i % 3 ? 'Allow' : 'Deny' }));
    expect(kinds(new RuleList(noMembers, list))).toEqual(['by source: 500']);
  });

  it('are asked for one by one where they are few', () => {
    expect(kinds(new RuleList(noMembers, sources(3)))).toEqual(['boxes', 'boxes', 'boxes']);
  });

  it('let rules of the same verdict pass', () => {
    const mixed = sources(20).flatMap((each, i) => [each, rule('Allow', undefined, `10.${i}.0.0/16`)]);
    expect(kinds(new RuleList(noMembers, mixed))).toEqual(['by source: 20', 'boxes']);
  });

  it('take along what they may not overtake, where that is little', () => {
    const deny = (i: number) => rule('Deny', undefined, `10.${i}.0.0/16`);
    const mixed = sources(20).flatMap((each, i) => [each, deny(i)]);
    const list = new RuleList(feedOf(mixed.map(({ selectors }) => [selectors?.source ?? 's:0'])), mixed);
    expect(kinds(list)).toEqual(['by source: 20', 'boxes']);
    const [first] = list.dispatches.values();
    expect([...(first?.combinations.values() ?? [])].map((each) => each.list.rules.length)).toEqual(
      Array.from({ length: 20 }, () => 21),
    );
  });

  it('on both sides go where there are more different ones, and then by the other', () => {
    const both = Array.from({ length: 30 }, (_, i) => rule('Allow', { source: `s:${i % 5}`, destination: `t:${i}` }));
    expect(kinds(new RuleList(noMembers, both))).toEqual(['by destination: 30']);
    const wide = Array.from({ length: 30 }, (_, i) => rule('Allow', { source: `s:${i % 10}`, destination: 't:0' }));
    const list = new RuleList(feedOf([['t:0'], ...[0, 1, 2, 3, 4].map((i) => [`s:${i}`])]), [...both, ...wide]);
    const [plan] = list.dispatches.values();
    const inner = [...(plan?.combinations.values() ?? [])].map((each) => kinds(each.list));
    expect(inner).toEqual([['by source: 31']]);
  });

  it('put broad selectors in a dispatch of their own', () => {
    const envs = ['e:0', 'e:1', 'e:2', 'e:3'];
    const rules = [...sources(1000), ...envs.map((source) => rule('Allow', { source }))];
    const many = envs.flatMap((source) => Array.from({ length: 200 }, () => rule('Allow', { source })));
    const hosts = Array.from({ length: 4000 }, (_, i) => [`s:${i % 1000}`, `e:${Math.floor(i / 1000)}`]);
    expect(kinds(new RuleList(feedOf(hosts), rules))).toEqual(['by source: 1004']);
    expect(kinds(new RuleList(feedOf(hosts), [...rules, ...many]))).toEqual(['by source: 1000', 'by source: 804']);
  });
});
