/** The kernel takes every ruleset we print, holds what we meant, and refuses what we did not print. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { diffRulesets, printChange } from '../../../src/nftables/diff.ts';
import { guardRuleset } from '../../../src/nftables/guard.ts';
import { printRuleset, printTable } from '../../../src/nftables/print.ts';
import { readRuleset, verifyObserved } from '../../../src/nftables/read.ts';
import { endpoint, policyIntent, rules, tier } from '../../../src/verdict/policy.fixture.ts';
import { denseIntents } from '../../properties/arbitrary-dense-policy.ts';
import { policyIntents } from '../../properties/arbitrary-policy.ts';
import { selectorIntents } from '../../properties/arbitrary-selector-policy.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let kernel: PrivateKernel;

beforeAll(async () => {
  kernel = await openPrivateKernel();
});

afterAll(() => kernel?.close());

async function expectHeld(intent: PolicyIntent): Promise<void> {
  const ruleset = compileRuleset(intent);
  await kernel.load(printRuleset(ruleset));
  const observed = await kernel.read();
  expect(observed && verifyObserved(ruleset, observed)).toEqual([]);
}

describe('the kernel holds what was compiled', () => {
  it.each([
    ['random policies', policyIntents, 40],
    ['policies whose rules overlap much', denseIntents, 15],
    ['policies whose rules ask for labels', selectorIntents, 30],
  ])('from %s', { timeout: 120_000 }, async (_, intents, numRuns) => {
    for (const intent of fc.sample<PolicyIntent>(intents, { seed: 20261125, numRuns })) await expectHeld(intent);
  });

  it('when the guard that came first is changed into it', async () => {
    for (const intent of fc.sample<PolicyIntent>(policyIntents, { seed: 20261125, numRuns: 10 })) {
      const ruleset = compileRuleset(intent);
      await kernel.load(printRuleset(guardRuleset));
      const guarded = await kernel.read();
      expect(guarded && verifyObserved(guardRuleset, guarded)).toEqual([]);
      await kernel.load(printChange(diffRulesets(guardRuleset, ruleset)));
      const observed = await kernel.read();
      expect(observed && verifyObserved(ruleset, observed)).toEqual([]);
    }
  });

  it('from no policy at all', async () => {
    await expectHeld(policyIntent({}));
    await expectHeld(policyIntent({ forwardDefault: 'Deny' }));
  });

  it('from more tiers than chains can be deep', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const tiers = names.map((name) => tier(name, 'Pass', name));
    const policies = new Map(
      names.map((name) => rules(name, name, { ingress: [['Pass', { protocol: 6 }], ['Allow']] })),
    );
    const stage = { ingress: tiers, egress: tiers };
    const endpoints = [endpoint('eth0', ['eth0'], { normal: stage, forward: stage, preDNAT: stage, untracked: stage })];
    await expectHeld(policyIntent({ endpoints, policies }));
  });

  it('from 1,000 policies of 10 rules', { timeout: 120_000 }, async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `p${i}`);
    const policies = new Map(
      names.map((name, i) =>
        rules(name, 'default', {
          ingress: Array.from({ length: 10 }, (_, j) => [
            j % 5 === 4 ? 'Deny' : 'Allow',
            {
              families: [4],
              protocol: 6,
              source: { nets: [prefix(`10.${i % 250}.${(i * 7 + j) % 250}.0/24`)] },
              destination: { ports: { ranges: [{ first: 1000 + i * 10 + j, last: 1010 + i * 10 + j }], portSets: [] } },
            },
          ]),
        }),
      ),
    );
    const stage = { ingress: [tier('default', 'Deny', ...names)], egress: [] };
    const intent = policyIntent({
      endpoints: [endpoint('eth0', ['eth0'], { normal: stage, forward: stage })],
      policies,
    });
    const ruleset = compileRuleset(intent);
    const ruleCount = [...ruleset.chains.values()].reduce((count, chain) => count + chain.rules.length, 0);
    expect(ruleCount).toBeLessThan(100); // a first packet costs a few lookups, however many rules there are
    await expectHeld(intent);
  });
});

it('takes 1,000 policies of one selector each with a set for none of them', { timeout: 120_000 }, async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `s:app${i}`);
  const members = (i: number) =>
    new Map([`10.1.${i % 250}.${i >> 8}/32`, `10.${i % 200}.0.0/16`].map((t) => [t, prefix(t)]));
  const intent = policyIntent({
    endpoints: [endpoint('eth0', ['eth0'], { normal: { ingress: [tier('default', 'Deny', ...ids)], egress: [] } })],
    policies: new Map(ids.map((id) => rules(id, 'default', { ingress: [['Allow', { source: { addressSet: id } }]] }))),
    addressSets: new Map(ids.map((id, i) => [id, { id, selector: id, members: members(i) }])),
  });
  const ruleset = compileRuleset(intent);
  expect(ruleset.sets.size).toBe(0);
  await expectHeld(intent);
});

describe('words of users stay in their quotes', () => {
  const hostile = [
    'x" ; flush ruleset ; "',
    'x\\',
    'x\ny',
    'x}\n}\nflush ruleset\n',
    '$(reboot)',
    '‮"',
    `${'n'.repeat(300)}"`,
  ];

  it.each(hostile)('%j', async (text) => {
    await kernel.load('add table inet theirs\n');
    const [id, allow] = rules(text, text, { ingress: [['Log'], ['Allow', { protocol: 6 }]] });
    const stage = { ingress: [{ name: text, defaultAction: 'Deny' as const, policies: [id] }], egress: [] };
    const intent = policyIntent({
      logPrefix: `%t %k ${text}`,
      endpoints: [endpoint(text, ['eth0'], { normal: stage }, [text])],
      policies: new Map([[id, allow]]),
    });
    await expectHeld(intent);
    expect((await kernel.nft(['list', 'tables'])).stdout).toContain('theirs');
  });
});

it.each([
  ['an unknown chain', 'add rule inet causeway nowhere drop\n'],
  ['half a table', 'table inet causeway {\n  chain x {\n'],
  [
    'overlapping elements',
    'table inet x {\n  map m {\n    typeof ip saddr : verdict\n    flags interval\n    elements = { 10.0.0.0/8 : drop, 10.1.0.0/16 : accept }\n  }\n}\n',
  ],
])('refuses %s', async (_, text) => {
  expect((await kernel.nft(['-c', '-f', '-'], text)).refusal).not.toBe('');
});

it('prints for render what the kernel takes as it stands', async () => {
  const ruleset = compileRuleset(policyIntent({ endpoints: [endpoint('all', '*')] }));
  const own = await openPrivateKernel();
  try {
    await own.load(printTable(ruleset));
    const observed = readRuleset((await own.nft(['-j', '-a', '-n', 'list', 'ruleset'])).stdout);
    expect(observed && verifyObserved(ruleset, observed)).toEqual([]);
  } finally {
    own.close();
  }
});
