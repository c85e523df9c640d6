/** Changes applied to a real kernel leave it as a fresh load would. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PolicyIntent } from '../../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange, printChange, repairChange } from '../../../src/nftables/diff.ts';
import { moveMembers } from '../../../src/nftables/move-members.ts';
import { printRemoval, printRuleset } from '../../../src/nftables/print.ts';
import { diffDigests, type ObservedTable, observedDigests, verifyObserved } from '../../../src/nftables/read.ts';
import type { Ruleset } from '../../../src/nftables/ruleset.ts';
import { policyIntents } from '../../properties/arbitrary-policy.ts';
import { selectorIntents } from '../../properties/arbitrary-selector-policy.ts';
import { openPrivateKernel, type PrivateKernel } from './private-kernel.ts';

let changed: PrivateKernel;
let fresh: PrivateKernel;

beforeAll(async () => {
  [changed, fresh] = await Promise.all([openPrivateKernel(), openPrivateKernel()]);
});

afterAll(() => {
  changed?.close();
  fresh?.close();
});

async function readTable(kernel: PrivateKernel): Promise<ObservedTable> {
  const table = await kernel.read();
  if (!table) throw new Error('the table is absent');
  return table;
}

/** Goes from one ruleset to the other by their difference, and to the other at once, and compares what the kernels hold. */
async function expectSameAfterChange(from: Ruleset, to: Ruleset): Promise<void> {
  const text = printChange(diffRulesets(from, to));
  if (text !== '') await changed.load(text);
  await fresh.load(printRuleset(to));
  const observed = await readTable(changed);
  expect(verifyObserved(to, observed)).toEqual([]);
  expect(diffDigests(observedDigests(await readTable(fresh)), observedDigests(observed))).toEqual([]);
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
  let from = compileRuleset(intents[0] as PolicyIntent);
  await changed.load(printRuleset(from));
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
    let from = compileRuleset(policy);
    await changed.load(printRuleset(from));
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
      const to = moveMembers(from, policy, [delta]);
      if (to.chains === from.chains) elementsOnly++;
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
    expect(printChange(change)).toBe('');
  }
});

it('repairs objects that someone flushed, deleted or added', async () => {
  const intent = fc.sample(policyIntents, { seed: 3, numRuns: 20 }).find(({ endpoints }) => endpoints.length > 1);
  const ruleset = compileRuleset(intent as PolicyIntent);
  await changed.load(printRuleset(ruleset));
  await fresh.load(printRuleset(ruleset));
  await changed.load(
    'flush chain inet causeway filter-input\nadd chain inet causeway theirs\nadd rule inet causeway theirs drop\n' +
      'flush map inet causeway local-in-interfaces\nadd set inet causeway their-set { type ipv4_addr; }\n',
  );
  const before = observedDigests(await readTable(fresh));
  const touched = diffDigests(before, observedDigests(await readTable(changed)));
  expect(touched).toEqual(['chain filter-input', 'chain theirs', 'map local-in-interfaces', 'set their-set']);
  const named = (kind: string): string[] =>
    touched.filter((word) => word.startsWith(`${kind} `)).map((word) => word.slice(kind.length + 1));
  const names = { chains: named('chain'), maps: named('map'), sets: named('set') };
  await changed.load(printChange(repairChange(ruleset, names)));
  expect(diffDigests(before, observedDigests(await readTable(changed)))).toEqual([]);
});

it('leaves nothing of ours behind', async () => {
  await changed.load('add table inet causeway\nadd table inet theirs\n');
  await changed.load(printRemoval());
  await changed.load(printRemoval());
  expect((await changed.nft(['list', 'tables'])).stdout.trim()).toBe('table inet theirs');
});
