import { describe, expect, it } from 'vitest';
import type { AddressSet, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import type { Prefix } from '../net/prefix.ts';
import { endpoint, policyIntent, rules, tier } from '../verdict/policy.fixture.ts';
import { compileRuleset } from './compile.ts';
import { diffRulesets, printChange } from './diff.ts';
import { moveMembers } from './move-members.ts';
import { printRuleset } from './print.ts';

/** A policy over one set, the members of which the test moves in place, as the label index does. */
function policyOver(members: Map<string, Prefix>): PolicyIntent {
  const set: AddressSet = { id: 's:web', selector: "app == 'web'", members };
  const stage = { ingress: [tier('default', 'Deny', 'a')], egress: [] };
  return policyIntent({
    endpoints: [endpoint('eth0', ['eth0'], { normal: stage })],
    policies: new Map([rules('a', 'default', { ingress: [['Allow', { source: { addressSet: 's:web' } }]] })]),
    addressSets: new Map([['s:web', set]]),
  });
}

describe('a label that moves', () => {
  it.each([
    ['brings a host', ['10.9.9.9/32'], [], 'add element inet causeway s4h-web { 10.9.9.9 }\n'],
    ['takes a host', [], ['10.0.0.1/32'], 'delete element inet causeway s4h-web { 10.0.0.1 }\n'],
    [
      'brings a host of the other family',
      ['2001:db8::9/128'],
      [],
      'add element inet causeway s6h-web { 2001:db8::9 }\n',
    ],
    ['brings a prefix inside another', ['10.2.3.0/24'], [], ''],
    [
      'brings a prefix around another',
      ['10.0.0.0/8'],
      [],
      'delete element inet causeway s4p-web { 10.2.0.0/16 }\nadd element inet causeway s4p-web { 10.0.0.0/8 }\n',
    ],
  ])('%s', (_, added, removed, change) => {
    const members = new Map(['10.0.0.1/32', '10.2.0.0/16', '2001:db8::1/128'].map((text) => [text, prefix(text)]));
    const policy = policyOver(members);
    const before = compileRuleset(policy);
    for (const text of added) members.set(text, prefix(text));
    for (const text of removed) members.delete(text);
    const delta = {
      kind: 'addresses',
      setId: 's:web',
      added: added.map(prefix),
      removed: removed.map(prefix),
    } as const;
    const after = moveMembers(before, policy, [delta]);
    expect(printChange(diffRulesets(before, after))).toBe(change);
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(policy)));
  });
});

describe('a label that moves among selectors that are dispatched by address', () => {
  const apps = ['a', 'b', 'c', 'd'];
  const start: Record<string, readonly string[]> = {
    a: ['10.0.0.1/32', '10.0.0.2/32', '2001:db8::1/128'],
    b: ['10.0.0.3/32', '10.0.0.8/29'],
    c: ['10.0.0.3/32', '10.0.0.4/32'],
    d: [],
  };
  const place = 'local-in-tier-default';
  const chainsOf = (text: string): string =>
    text.replace(/-[a-z2-7]{10}(?=-v4|-from)/g, '').replace(/sig-[a-z2-7]{16}/g, 'sig');
  const to = (map: string, address: string) => `element inet causeway ${place}${map} { ${address}`;

  function moved(turns: readonly (readonly [string, string])[]): {
    readonly change: string;
    readonly isRecompiled: boolean;
  } {
    const members = new Map(apps.map((app) => [app, new Map((start[app] ?? []).map((text) => [text, prefix(text)]))]));
    const policy = policyIntent({
      endpoints: [endpoint('eth0', ['eth0'], { normal: { ingress: [tier('default', 'Deny', 'p')], egress: [] } })],
      policies: new Map([
        rules('p', 'default', {
          ingress: apps.map((app) => ['Allow', { source: { addressSet: `s:${app}` } }] as const),
        }),
      ]),
      addressSets: new Map(
        apps.map((app) => [`s:${app}`, { id: `s:${app}`, selector: app, members: members.get(app) ?? new Map() }]),
      ),
    });
    const before = compileRuleset(policy);
    const deltas = turns.map(([app, text]) => {
      const set = members.get(app);
      const isLeaving = set?.delete(text) ?? false;
      if (!isLeaving) set?.set(text, prefix(text));
      const [added, removed] = isLeaving ? [[], [prefix(text)]] : [[prefix(text)], []];
      return { kind: 'addresses', setId: `s:${app}`, added, removed } as const;
    });
    const after = moveMembers(before, policy, deltas);
    expect(printRuleset(after)).toBe(printRuleset(compileRuleset(policy)));
    const change = chainsOf(printChange(diffRulesets(before, after)));
    return { change, isRecompiled: before.chains !== after.chains };
  }

  it.each([
    [
      'to another application',
      [
        ['a', '10.0.0.1/32'],
        ['b', '10.0.0.1/32'],
      ],
      '-v4-from-hosts',
      '10.0.0.1',
    ],
    [
      'to the first address of one',
      [
        ['a', '10.0.0.1/32'],
        ['d', '10.0.0.1/32'],
      ],
      '-v4-from-hosts',
      '10.0.0.1',
    ],
    [
      'of the other family',
      [
        ['a', '2001:db8::1/128'],
        ['b', '2001:db8::1/128'],
      ],
      '-from-hosts',
      '2001:db8::1',
    ],
  ] as const)('%s is one element', (_, turns, map, address) => {
    const { change, isRecompiled } = moved(turns);
    expect(isRecompiled).toBe(false);
    expect(change).toBe(`delete ${to(map, address)} }\nadd ${to(map, `${address} : goto local-in-sig`)} }\n`);
  });

  it.each([
    ['one that leaves', [['a', '10.0.0.1/32']], `delete ${to('-v4-from-hosts', '10.0.0.1')} }\n`],
    [
      'a prefix',
      [['d', '10.0.1.0/24']],
      `add ${to('-v4-from-prefixes', '10.0.1.0-10.0.1.255 : goto local-in-sig')} }\n`,
    ],
  ] as const)('%s is one element', (_, turns, change) => {
    expect(moved(turns)).toEqual({ change, isRecompiled: false });
  });

  it.each([
    [
      'a new combination',
      [['a', '10.0.0.4/32']],
      /^add chain .*\ndelete element .*\nadd element .*\ntable [^}]*}\n}\n$/,
    ],
    ['the last of a combination', [['b', '10.0.0.3/32']], /delete chain/],
    ['a host inside a prefix', [['d', '10.0.0.9/32']], /^add chain/],
    ['the last of a family', [['a', '2001:db8::1/128']], /delete map/],
  ] as const)('with %s compiles anew, and changes only that', (_, turns, expected) => {
    const { change, isRecompiled } = moved(turns);
    expect(isRecompiled).toBe(true);
    expect(change).toMatch(expected);
  });
});

describe('selectors whose members overlap in too many combinations', () => {
  const ids = Array.from({ length: 12 }, (_, i) => `s:${i.toString(16)}`);

  /** Address number n is in the sets of n's bits. */
  function overlapping(last: number): {
    readonly policy: PolicyIntent;
    readonly members: ReadonlyMap<string, Map<string, Prefix>>;
  } {
    const texts = Array.from({ length: last + 1 }, (_, n) => `10.0.${n >> 8}.${n & 255}/32`);
    const members = new Map(
      ids.map((id, bit) => {
        return [
          id,
          new Map(texts.flatMap((text, n) => ((n >> bit) & 1 ? [[text, prefix(text)] as const] : []))),
        ] as const;
      }),
    );
    const policy = policyIntent({
      endpoints: [endpoint('eth0', ['eth0'], { normal: { ingress: [tier('default', 'Deny', 'p')], egress: [] } })],
      policies: new Map([
        rules('p', 'default', { ingress: ids.map((id) => ['Allow', { source: { addressSet: id } }] as const) }),
      ]),
      addressSets: new Map(ids.map((id) => [id, { id, selector: id, members: members.get(id) ?? new Map() }])),
    });
    return { policy, members };
  }

  it('are asked for one by one', () => {
    expect(compileRuleset(overlapping(4095).policy).sets.size).toBe(2 * 12);
    expect(compileRuleset(overlapping(200).policy).sets.size).toBe(0);
  });

  it('are dispatched again when a label leaves few enough, and the other way round', () => {
    // So many addresses that one combination more is too many.
    const isLinear = (count: number) =>
      compileRuleset(overlapping(count).policy).sets.size > 0;
    let last = 256;
    while (last < 600 && !isLinear(last)) last++;
    const { policy, members } = overlapping(last);
    const text = `10.0.${last >> 8}.${last & 255}/32`;
    const inSets = ids.filter((id) => members.get(id)?.has(text));
    const linear = compileRuleset(policy);
    for (const id of inSets) members.get(id)?.delete(text);
    const delta = (id: string, added: readonly Prefix[], removed: readonly Prefix[]) => {
      return { kind: 'addresses', setId: id, added, removed } as const;
    };
    const few = moveMembers(
      linear,
      policy,
      inSets.map((id) => delta(id, [], [prefix(text)])),
    );
    expect(few.sets.size).toBe(0);
    expect(printRuleset(few)).toBe(printRuleset(compileRuleset(policy)));
    for (const id of inSets) members.get(id)?.set(text, prefix(text));
    const many = moveMembers(
      few,
      policy,
      inSets.map((id) => delta(id, [prefix(text)], [])),
    );
    expect(printRuleset(many)).toBe(printRuleset(linear));
    members.get('s:0')?.set('192.0.2.1/32', prefix('192.0.2.1/32'));
    const more = moveMembers(many, policy, [delta('s:0', [prefix('192.0.2.1/32')], [])]);
    expect(more.chains).toBe(many.chains);
    expect(printRuleset(more)).toBe(printRuleset(compileRuleset(policy)));
  });
});
