/**
 * Labels that move: for random policies and moves, a compiler that lives on gives what compiling from nothing gives.
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many policies are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AddressSet, PolicyIntent } from '../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../src/net/literals.fixture.ts';
import { type Prefix, printPrefix } from '../../src/net/prefix.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../../src/nftables/diff.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import { type MemberChange, RulesetCompiler } from '../../src/nftables/ruleset-compiler.ts';
import { denseIntents } from './arbitrary-dense-policy.ts';
import { policyIntents } from './arbitrary-policy.ts';
import { addressSetIds, nets } from './arbitrary-rule.ts';
import { selectorIntents } from './arbitrary-selector-policy.ts';
import { expectChangeLeads } from './change-agrees.ts';
import { checkRuleset } from './check-ruleset.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 60);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const timeout = 30_000 + numRuns * 1000;

const strangers = ['10.0.0.1/32', '10.0.0.5/32', '10.0.0.6/32', '192.0.2.1/32', '2001:db8::1/128', 'fe80::1/128'];
const members = [...nets[4], ...nets[6], ...strangers.map(prefix)];

/** One address in one set turned over: it comes if it was not there, goes if it was. */
interface Turn {
  readonly setId: string;
  readonly member: Prefix;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  setId: fc.constantFrom(...addressSetIds),
  member: fc.oneof(fc.constantFrom(...members), fc.constantFrom(...strangers.map(prefix))),
});
/** As a label change makes them: some turns at once, of several sets. */
const moves = fc.array(fc.array(turn, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });

it.each([
  { policies: 'rules that ask for labels', intents: selectorIntents, share: 1 },
  { policies: 'policies of every shape', intents: policyIntents, share: 0.3 },
  { policies: 'one policy of many rules', intents: denseIntents, share: 0.3 },
])(
  'moving members gives what compiling gives: $policies',
  ({ intents, share }) => {
    fc.assert(
      fc.property(intents, moves, (drawn, steps) => {
        const { policy, live } = withLiveSets(drawn);
        const compiler = new RulesetCompiler();
        let ruleset = compiler.update(policy);
        for (const turns of steps) {
          const changes = turnOver(live, turns);
          const before = ruleset;
          const textBefore = printRuleset(before);
          ruleset = compiler.update(policy, changes);
          const afresh = compileRuleset(policy);
          expect(printRuleset(ruleset)).toBe(printRuleset(afresh));
          expect(isEmptyChange(diffRulesets(ruleset, afresh))).toBe(true);
          expect(printRuleset(before)).toBe(textBefore);
          expectChangeLeads(before, ruleset);
        }
        expect(checkRuleset(ruleset)).toEqual([]);
      }),
      { seed, numRuns: Math.ceil(numRuns * share) },
    );
  },
  timeout,
);

function withLiveSets(drawn: PolicyIntent): { policy: PolicyIntent; live: ReadonlyMap<string, Map<string, Prefix>> } {
  const live = new Map([...drawn.addressSets].map(([id, set]) => [id, new Map(set.members)]));
  const addressSets = new Map(
    [...drawn.addressSets].map(([id, set]): [string, AddressSet] => {
      return [id, { ...set, members: live.get(id) ?? new Map() }];
    }),
  );
  return { policy: { ...drawn, addressSets }, live };
}

function turnOver(live: ReadonlyMap<string, Map<string, Prefix>>, turns: readonly Turn[]): MemberChange[] {
  const changes = new Map<string, { added: Map<string, Prefix>; removed: Map<string, Prefix> }>();
  for (const { setId, member } of turns) {
    const set = live.get(setId);
    const text = printPrefix(member);
    const change = changes.get(setId) ?? { added: new Map(), removed: new Map() };
    if (!set || change.added.has(text) || change.removed.has(text)) continue;
    if (set.delete(text)) change.removed.set(text, member);
    else {
      set.set(text, member);
      change.added.set(text, member);
    }
    changes.set(setId, change);
  }
  return [...changes].map(([setId, { added, removed }]) => {
    return { kind: 'addresses', setId, added: [...added.values()], removed: [...removed.values()] };
  });
}
