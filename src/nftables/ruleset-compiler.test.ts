import { describe, expect, it } from 'vitest';
import type { AddressSet, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import type { Prefix } from '../net/prefix.ts';
import { endpoint, policyIntent, rules, tier } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { printRuleset } from './print.ts';
import type { Ruleset } from './ruleset.ts';
import { type MemberChange, RulesetCompiler } from './ruleset-compiler.ts';

type Live = ReadonlyMap<string, Map<string, Prefix>>;

function liveMembers(start: Readonly<Record<string, readonly string[]>>): Live {
  return new Map(Object.entries(start).map(([id, list]) => [id, new Map(list.map((text) => [text, prefix(text)]))]));
}

/** One policy that lets in whoever a set names, each on a port of its own, on eth0 and with what is forwarded from it. */
function policyOver(live: Live, ports: readonly number[] = [...live].map((_, i) => 1000 + i)): PolicyIntent {
  const stage = { ingress: [tier('default', 'Deny', 'p')], egress: [] };
  const ids = [...live.keys()];
  const allow = ids.map((addressSet, i) => {
    const port = ports[i] ?? 1;
    const destination = { ports: { ranges: [{ first: port, last: port }], portSets: [] } };
    return ['Allow', { protocol: 6, source: { addressSet }, destination }] as const;
  });
  return policyIntent({
    endpoints: [endpoint('eth0', ['eth0'], { normal: stage, forward: stage })],
    policies: new Map([rules('p', 'default', { ingress: allow })]),
    addressSets: new Map([...live].map(([id, members]): [string, AddressSet] => [id, { id, selector: id, members }])),
  });
}

/** Turns members over in place, as the label index does. */
function turnOver(live: Live, turns: readonly (readonly [string, string])[]): MemberChange[] {
  return turns.map(([setId, text]) => {
    const set = live.get(setId);
    const member = prefix(text);
    const isLeaving = set?.delete(text) ?? false;
    if (!isLeaving) set?.set(text, member);
    return { kind: 'addresses', setId, added: isLeaving ? [] : [member], removed: isLeaving ? [member] : [] };
  });
}

/** Names of objects that are not the very same, hashes left out. */
function changed(before: Ruleset, after: Ruleset): readonly string[] {
  const parts = ['sets', 'maps', 'classes', 'chains'] as const;
  const names = parts.flatMap((part) => {
    if (before[part] === after[part]) return [];
    const all = new Set([...before[part].keys(), ...after[part].keys()]);
    return [...all].filter((name) => before[part].get(name) !== after[part].get(name));
  });
  return [...new Set(names.map((name) => name.replace(/-[a-z2-7]{10}\b/g, '')))].sort();
}

const start = {
  's:a': ['10.0.0.1/32', '10.0.0.2/32', '2001:db8::1/128'],
  's:b': ['10.0.0.3/32', '10.0.0.8/29'],
  's:c': ['10.0.0.3/32', '10.0.0.4/32'],
  's:d': ['10.0.0.5/32'],
};

describe('a label that moves', () => {
  it.each([
    [
      'to another application',
      [
        ['s:a', '10.0.0.1/32'],
        ['s:c', '10.0.0.1/32'],
      ],
      ['classes-v4-hosts'],
    ],
    ['off', [['s:a', '10.0.0.2/32']], ['classes-v4-hosts']],
    ['on', [['s:a', '10.0.0.7/32']], ['classes-v4-hosts']],
    ['as a prefix', [['s:b', '10.0.1.0/24']], ['classes-v4-prefixes']],
  ] as const)('%s changes one map, whatever the number of lists', (_, turns, expected) => {
    const live = liveMembers(start);
    const policy = policyOver(live);
    const compiler = new RulesetCompiler();
    const before = compiler.update(policy);
    const after = compiler.update({ ...policy }, turnOver(live, turns));
    expect(changed(before, after)).toEqual(expected);
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(policy)));
  });

  it('to a combination that is new brings a chain for each list that tells it apart, and takes the last of one along', () => {
    const live = liveMembers(start);
    const policy = policyOver(live);
    const compiler = new RulesetCompiler();
    const before = compiler.update(policy);
    const after = compiler.update({ ...policy }, turnOver(live, [['s:a', '10.0.0.5/32']]));
    const places = ['forward-in', 'local-in'];
    expect(changed(before, after)).toEqual(
      [
        'classes-v4-hosts',
        ...places.flatMap((place) => [
          `${place}-class-s-a-and-s-d`,
          `${place}-class-s-d`,
          `${place}-tier-default-v4-from`,
        ]),
      ].sort(),
    );
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(policy)));
    const back = compiler.update({ ...policy }, turnOver(live, [['s:a', '10.0.0.5/32']]));
    expect(printRuleset(back)).toBe(printRuleset(before));
  });

  it('of a selector that is asked for by itself moves an element of its set', () => {
    const live = liveMembers({ 's:a': ['10.0.0.1/32'] });
    const policy = policyOver(live);
    const compiler = new RulesetCompiler();
    const before = compiler.update(policy);
    const after = compiler.update({ ...policy }, turnOver(live, [['s:a', '10.0.0.9/32']]));
    expect(changed(before, after)).toEqual(['s4h-a']);
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(policy)));
  });
});

describe('a policy that is edited', () => {
  it('changes the chains that its changed rules are in, and no other', () => {
    const live = liveMembers(start);
    const compiler = new RulesetCompiler();
    const before = compiler.update(policyOver(live));
    const edited = { ...policyOver(live, [1000, 1001, 1002, 9]), addressSets: policyOver(live).addressSets };
    const after = compiler.update(edited);
    expect(changed(before, after)).toEqual(['forward-in-class-s-d', 'local-in-class-s-d']);
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(edited)));
  });

  it('so that its rules are dispatched by the other side asks each of them for the side that is left', () => {
    const live = liveMembers({ ...start, 's:e': ['10.0.0.6/32'], 's:f': ['10.0.0.7/32'] });
    const between = (ids: readonly string[], more: readonly string[]): PolicyIntent => {
      const both = ids.map((id) => ['Allow', { source: { addressSet: id }, destination: { addressSet: id } }] as const);
      const to = more.map((id) => ['Allow', { destination: { addressSet: id } }] as const);
      return { ...policyOver(live), policies: new Map([rules('p', 'default', { ingress: [...both, ...to] })]) };
    };
    const compiler = new RulesetCompiler();
    compiler.update(between(['s:a', 's:b', 's:c', 's:d'], []));
    const edited = between(['s:a', 's:b', 's:c', 's:d'], ['s:e', 's:f']);
    expect(printRuleset(compiler.update(edited))).toBe(printRuleset(compileRuleset(edited)));
  });

  it('into the same again changes nothing', () => {
    const live = liveMembers(start);
    const compiler = new RulesetCompiler();
    const before = compiler.update(policyOver(live));
    const after = compiler.update(policyOver(live));
    expect(changed(before, after)).toEqual([]);
  });
});

describe('selectors whose members overlap in too many combinations', () => {
  const ids = Array.from({ length: 12 }, (_, i) => `s:${i.toString(16)}`);

  /** Address number n is in the sets of n's bits. */
  function overlapping(count: number): Live {
    const texts = Array.from({ length: count }, (_, n) => `10.0.${n >> 8}.${n & 255}/32`);
    return new Map(
      ids.map((id, bit) => {
        return [id, new Map(texts.flatMap((text, n) => ((n >> bit) & 1 ? [[text, prefix(text)] as const] : [])))];
      }),
    );
  }

  it('are asked for one by one', () => {
    expect(compileRuleset(policyOver(overlapping(4096))).sets.size).toBeGreaterThan(0);
    expect(compileRuleset(policyOver(overlapping(200))).sets.size).toBe(0);
  });

  it('are dispatched again when a label leaves few enough, and the other way round', () => {
    // So many addresses that one combination more is too many.
    let count = 256;
    while (count < 600 && compileRuleset(policyOver(overlapping(count))).sets.size === 0) count++;
    const live = overlapping(count);
    const policy = policyOver(live);
    const last = `10.0.${(count - 1) >> 8}.${(count - 1) & 255}/32`;
    const turns = ids.filter((id) => live.get(id)?.has(last)).map((id) => [id, last] as const);
    const compiler = new RulesetCompiler();
    const many = compiler.update(policy);
    const few = compiler.update({ ...policy }, turnOver(live, turns));
    expect([many.sets.size > 0, few.sets.size]).toEqual([true, 0]);
    expect(printRuleset(few)).toBe(printRuleset(compileRuleset(policy)));
    const again = compiler.update({ ...policy }, turnOver(live, turns));
    expect(printRuleset(again)).toBe(printRuleset(many));
  });
});
