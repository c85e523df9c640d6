/**
 * Policy that is edited: for random policies and edits of every kind, a compiler that lives on gives what a new one gives.
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many policies are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AddressSet, EndpointIntent, PolicyIntent, RuleIntent } from '../../src/intent/policy/policy-intent.ts';
import { prefix } from '../../src/net/literals.fixture.ts';
import { type Prefix, printPrefix } from '../../src/net/prefix.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { diffRulesets, isEmptyChange } from '../../src/nftables/diff.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import { type MemberChange, RulesetCompiler } from '../../src/nftables/ruleset-compiler.ts';
import { broadIntents } from './arbitrary-broad-policy.ts';
import { denseIntents } from './arbitrary-dense-policy.ts';
import { policyIntents } from './arbitrary-policy.ts';
import { nets } from './arbitrary-rule.ts';
import { selectorIntents } from './arbitrary-selector-policy.ts';
import { expectChangeLeads } from './change-agrees.ts';
import { checkRuleset } from './check-ruleset.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 60);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const timeout = 30_000 + numRuns * 1000;

const members = [
  ...nets[4],
  ...nets[6],
  ...['10.0.0.1/32', '10.0.0.5/32', '10.0.1.3/32', '2001:db8::1/128'].map(prefix),
];

/** What one edit does; numbers choose among what there is. */
interface Edit {
  readonly kind:
    | 'member'
    | 'set read anew'
    | 'rule goes'
    | 'rule doubles'
    | 'rules turn round'
    | 'action'
    | 'selector'
    | 'policy is the same again'
    | 'policies change places'
    | 'policy goes'
    | 'end of tier'
    | 'endpoint goes'
    | 'endpoint alike'
    | 'deny verdict'
    | 'log prefix'
    | 'all as at first';
  readonly a: number;
  readonly b: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom<Edit['kind']>(
    ...(['member', 'member', 'member', 'set read anew', 'rule goes', 'rule goes', 'rule doubles'] as const),
    ...(['rules turn round', 'action', 'action', 'selector', 'selector', 'policy is the same again'] as const),
    ...(['policies change places', 'policy goes', 'end of tier', 'endpoint goes', 'endpoint alike'] as const),
    ...(['deny verdict', 'log prefix', 'all as at first'] as const),
  ),
  a: fc.nat(1000),
  b: fc.nat(1000),
});
/** Some edits come together, as when a folder is applied. */
const steps = fc.array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });

it.each([
  { policies: 'rules that ask for labels', intents: selectorIntents, share: 1 },
  { policies: 'broad and narrow selectors on both sides', intents: broadIntents, share: 0.3 },
  { policies: 'policies of every shape', intents: policyIntents, share: 0.6 },
  { policies: 'one policy of many rules', intents: denseIntents, share: 0.3 },
])(
  'editing gives what compiling gives: $policies',
  ({ intents, share }) => {
    fc.assert(
      fc.property(intents, steps, (drawn, list) => {
        const compiler = new RulesetCompiler();
        const first = withLiveSets(drawn);
        let policy = first;
        let ruleset = compiler.update(policy);
        for (const edits of list) {
          const before = ruleset;
          const textBefore = printRuleset(before);
          const moved: MemberChange[] = [];
          for (const each of edits) policy = apply(policy, first, each, moved);
          ruleset = compiler.update(policy, moved);
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

function withLiveSets(drawn: PolicyIntent): PolicyIntent {
  const sets = [...drawn.addressSets].map(([id, set]): [string, AddressSet] => {
    return [id, { ...set, members: new Map(set.members) }];
  });
  return { ...drawn, addressSets: new Map(sets) };
}

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

function apply(policy: PolicyIntent, first: PolicyIntent, { kind, a, b }: Edit, moved: MemberChange[]): PolicyIntent {
  switch (kind) {
    case 'member':
      turnOver(policy, a, b, moved);
      return { ...policy };
    case 'set read anew':
      return withSet(policy, a, b);
    case 'rule goes':
      return withRules(policy, a, (rules) => rules.filter((_, i) => i !== b % Math.max(1, rules.length)));
    case 'rule doubles':
      return withRules(policy, a, (rules) => [...rules, ...rules.slice(b % Math.max(1, rules.length)).slice(0, 1)]);
    case 'rules turn round':
      return withRules(policy, a, (rules) => rules.toReversed());
    case 'action':
      return withRule(policy, a, b, (rule) => ({ ...rule, action: rule.action === 'Allow' ? 'Deny' : 'Allow' }));
    case 'selector':
      return withRule(policy, a, b, (rule) => {
        const addressSet = pick([...policy.addressSets.keys()], a + b);
        return addressSet === undefined ? rule : { ...rule, source: { ...rule.source, addressSet } };
      });
    case 'policy is the same again':
      return withRules(policy, a, (rules) => rules.map((rule) => ({ ...rule })));
    case 'policies change places':
      return withTiers(policy, (policies) => policies.toReversed());
    case 'policy goes': {
      const id = pick([...policy.policies.keys()], a);
      return withTiers(policy, (policies) => policies.filter((each) => each !== id));
    }
    case 'end of tier':
      return withTiers(policy, (policies) => policies, b % 2 === 0 ? 'Deny' : 'Pass');
    case 'endpoint goes':
      return {
        ...policy,
        endpoints: policy.endpoints.filter((_, i) => i !== a % Math.max(1, policy.endpoints.length)),
      };
    case 'endpoint alike': {
      const tiers = pick(policy.endpoints, b)?.tiers;
      return {
        ...policy,
        endpoints: policy.endpoints.map((each, i) =>
          i === 0 && tiers && each.interfaces !== '*' ? { ...each, tiers } : each,
        ),
      };
    }
    case 'deny verdict':
      return { ...policy, denyVerdict: policy.denyVerdict === 'drop' ? 'reject' : 'drop' };
    case 'log prefix':
      return { ...policy, logPrefix: `calico-${a % 3}` };
    case 'all as at first':
      return { ...first, addressSets: policy.addressSets, portSets: policy.portSets };
  }
}

/** One address in one set comes if it was not there, goes if it was; once in a step. */
function turnOver(policy: PolicyIntent, a: number, b: number, moved: MemberChange[]): void {
  const set = pick([...policy.addressSets.values()], a);
  const member = pick(members, b);
  if (!set || !member) return;
  const live = set.members as Map<string, Prefix>;
  const text = printPrefix(member);
  const isKnown = moved.some((each) => {
    return each.kind === 'addresses' && each.setId === set.id && [...each.added, ...each.removed].includes(member);
  });
  if (isKnown) return;
  const isLeaving = live.delete(text);
  if (!isLeaving) live.set(text, member);
  const change = isLeaving ? { added: [], removed: [member] } : { added: [member], removed: [] };
  moved.push({ kind: 'addresses', setId: set.id, ...change });
}

function withSet(policy: PolicyIntent, a: number, b: number): PolicyIntent {
  const set = pick([...policy.addressSets.values()], a);
  if (!set) return policy;
  const kept = new Map([...set.members].filter((_, i) => (i + b) % 3 > 0));
  return { ...policy, addressSets: new Map(policy.addressSets).set(set.id, { ...set, members: kept }) };
}

function withRules(
  policy: PolicyIntent,
  a: number,
  change: (rules: readonly RuleIntent[]) => readonly RuleIntent[],
): PolicyIntent {
  const rules = pick([...policy.policies.values()], a);
  if (!rules) return policy;
  const numbered = (list: readonly RuleIntent[]) =>
    list.map((rule, index) => (rule.index === index ? rule : { ...rule, index }));
  const edited = { ...rules, ingress: numbered(change(rules.ingress)), egress: numbered(change(rules.egress)) };
  return { ...policy, policies: new Map(policy.policies).set(rules.id, edited) };
}

function withRule(policy: PolicyIntent, a: number, b: number, change: (rule: RuleIntent) => RuleIntent): PolicyIntent {
  return withRules(policy, a, (rules) => rules.map((rule, i) => (i === b % rules.length ? change(rule) : rule)));
}

function withTiers(
  policy: PolicyIntent,
  change: (policies: readonly string[]) => readonly string[],
  defaultAction?: 'Deny' | 'Pass',
): PolicyIntent {
  const tiersOf = (tiers: EndpointIntent['tiers']['normal']['ingress']) =>
    tiers
      .map((tier) => ({ ...tier, policies: change(tier.policies), ...(defaultAction ? { defaultAction } : {}) }))
      .filter(({ policies }) => policies.length > 0);
  const both = ({ ingress, egress }: EndpointIntent['tiers']['normal']) => {
    return { ingress: tiersOf(ingress), egress: tiersOf(egress) };
  };
  const endpoints = policy.endpoints.map((each): EndpointIntent => {
    const { untracked, preDNAT, normal, forward } = each.tiers;
    const tiers = { untracked: both(untracked), preDNAT: both(preDNAT), normal: both(normal), forward: both(forward) };
    return { ...each, tiers };
  });
  return { ...policy, endpoints };
}
