/** Changes applied to a real kernel leave it as a fresh load would. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../../../src/nftables/diff.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import { printRuleset } from '../../../src/nftables/print.ts';
import type { Rule, Ruleset } from '../../../src/nftables/ruleset.ts';
import { RulesetCompiler } from '../../../src/nftables/ruleset-compiler.ts';
import { policyIntents } from '../../properties/arbitrary-policy.ts';
import { selectorIntents } from '../../properties/arbitrary-selector-policy.ts';
import { listTable } from './nft-listing.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let changed: PrivateKernel;
let fresh: PrivateKernel;
let filter: PacketFilter;

beforeAll(async () => {
  [changed, fresh] = await Promise.all([openPrivateKernel(), openPrivateKernel()]);
  filter = changed.filter();
});

afterAll(() => {
  filter?.close();
  changed?.close();
  fresh?.close();
});

/** Goes from one ruleset to the other by their difference, and to the other at once by its text, and compares what nft lists. */
async function expectSameAfterChange(from: Ruleset | undefined, to: Ruleset): Promise<void> {
  expect(await filter.apply(diffRulesets(from, to))).toEqual({ ok: true, value: undefined });
  await fresh.load(printRuleset(to));
  expect(await listTable(changed)).toEqual(await listTable(fresh));
}

/** Small changes, the everyday ones: a label moved, a rule or a policy went, a rule changed places. */
function edits(intent: PolicyIntent): readonly PolicyIntent[] {
  const moved = [...intent.addressSets].map(([id, set], i) => {
    const members = new Map(set.members);
    const [first] = members.keys();
    if (first !== undefined) members.delete(first);
    members.set(`10.${i}.0.0/15`, prefix(`10.${i & 254}.0.0/15`)).set('2001:db8::/31', prefix('2001:db8::/31'));
    return [id, { ...set, members }] as const;
  });
  const reversed = [...intent.policies].map(([id, rules]) => {
    return [id, { ...rules, ingress: rules.ingress.toReversed(), egress: rules.egress.slice(1) }] as const;
  });
  return [
    { ...intent, addressSets: new Map(moved) },
    { ...intent, policies: new Map(reversed) },
    { ...intent, endpoints: intent.endpoints.slice(1) },
    { ...intent, denyVerdict: intent.denyVerdict === 'drop' ? 'reject' : 'drop' },
  ];
}

it.each([
  ['policies', policyIntents, 12],
  ['policies whose rules ask for labels', selectorIntents, 12],
])('goes from any to any other of %s', { timeout: 240_000 }, async (_, arbitrary, numRuns) => {
  const intents = fc
    .sample<PolicyIntent>(arbitrary, { seed: 20261125, numRuns })
    .flatMap((intent) => [intent, ...edits(intent), intent]);
  let from: Ruleset | undefined;
  for (const intent of intents) {
    const to = compileRuleset(intent);
    await expectSameAfterChange(from, to);
    from = to;
  }
});

it('follows labels that move by moving elements', { timeout: 240_000 }, async () => {
  let elementsOnly = 0;
  for (const drawn of fc.sample(selectorIntents, { seed: 20261125, numRuns: 8 })) {
    const members = new Map([...drawn.addressSets].map(([id, set]) => [id, new Map(set.members)]));
    const addressSets = new Map(
      [...drawn.addressSets].map(([id, set]) => [id, { ...set, members: members.get(id) ?? new Map() }] as const),
    );
    const policy = { ...drawn, addressSets };
    const compiler = new RulesetCompiler();
    let from = compiler.update(policy);
    await expectSameAfterChange(undefined, from);
    for (const [setId, text] of labelMoves) {
      const set = members.get(setId);
      const each = prefix(text);
      const isLeaving = set?.delete(text) ?? false;
      if (!isLeaving) set?.set(text, each);
      const delta = {
        kind: 'addresses',
        setId,
        added: isLeaving ? [] : [each],
        removed: isLeaving ? [each] : [],
      } as const;
      const to = compiler.update({ ...policy }, [delta]);
      if (isEmptyChange({ ...diffRulesets(from, to), elements: [] })) elementsOnly++;
      await expectSameAfterChange(from, to);
      from = to;
    }
  }
  expect(elementsOnly).toBeGreaterThan(8);
});

const labelMoves = [
  ['s:a', '10.0.0.9/32'],
  ['s:b', '10.0.0.9/32'],
  ['s:a', '10.0.0.9/32'],
  ['s:a', '10.0.0.2/32'],
  ['s:c', '10.0.0.0/30'],
  ['s:d', '2001:db8::2/128'],
  ['s:e', '0.0.0.0/0'],
  ['s:e', '::/0'],
] as const;

it('changes nothing when nothing changed', () => {
  for (const intent of fc.sample(policyIntents, { seed: 7, numRuns: 20 })) {
    const change = diffRulesets(compileRuleset(intent), compileRuleset(intent));
    expect(isEmptyChange(change)).toBe(true);
  }
});

describe('a rule that stays', () => {
  const rule = (comment: string, port = 80): Rule => ({
    matches: [
      { kind: 'protocol', negated: false, protocols: [6] },
      {
        kind: 'port',
        side: 'destination',
        negated: false,
        ranges: [
          { first: port, last: port },
          { first: 8000, last: 8080 },
        ],
      },
    ],
    statements: [{ kind: 'counter' }],
    outcome: { kind: 'accept' },
    comment,
  });
  const chainOf = (rules: readonly Rule[]): Ruleset => {
    return { sets: new Map(), maps: new Map(), classes: new Map(), chains: new Map([['c', { name: 'c', rules }]]) };
  };
  const handles = async (): Promise<ReadonlyMap<string, number>> => {
    const { stdout } = await changed.nft(['-j', '-a', 'list', 'table', 'inet', 'causeway']);
    const objects: readonly { readonly rule?: { readonly comment: string; readonly handle: number } }[] =
      JSON.parse(stdout).nftables;
    return new Map(objects.flatMap((object) => (object.rule ? [[object.rule.comment, object.rule.handle]] : [])));
  };

  it('is found in each of a hundred chains that change at once', async () => {
    const hundred = (comment: (chain: number) => string): Ruleset => ({
      ...chainOf([]),
      chains: new Map(
        Array.from({ length: 100 }, (_, i) => [
          `c${i}`,
          { name: `c${i}`, rules: [rule('first'), rule(comment(i)), rule('last')] },
        ]),
      ),
    });
    const from = hundred((i) => `before ${i}`);
    await expectSameAfterChange(undefined, from);
    await expectSameAfterChange(
      from,
      hundred((i) => `after ${i}`),
    );
  });

  it('is the same rule to the kernel, whatever came and went around it', async () => {
    const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const orders = fc.sample(fc.shuffledSubarray(letters), { seed: 20261125, numRuns: 40 });
    let from = chainOf([]);
    await expectSameAfterChange(undefined, from);
    for (const order of orders) {
      const before = await handles();
      const to = chainOf(order.map((letter) => rule(letter)));
      const change = diffRulesets(from, to);
      await expectSameAfterChange(from, to);
      const after = await handles();
      const come = new Set(change.changedChains.flatMap(({ added }) => added).flatMap(({ rules }) => rules));
      const staying = to.chains.get('c')?.rules.filter((each) => !come.has(each)) ?? [];
      for (const { comment = '' } of staying) expect(after.get(comment)).toBe(before.get(comment));
      from = to;
    }
  });
});

it('leaves nothing of ours behind', async () => {
  await changed.load('add table inet causeway\nadd table inet theirs\n');
  expect(await filter.remove()).toEqual({ ok: true, value: undefined });
  expect(await filter.remove()).toEqual({ ok: true, value: undefined });
  expect((await changed.nft(['list', 'tables'])).stdout.trim()).toBe('table inet theirs');
});
