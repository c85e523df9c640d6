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
