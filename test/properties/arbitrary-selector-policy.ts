/**
 * Policies most rules of which ask for labels on either side, so that they are dispatched by address, for the property tests.
 *
 *   fast-check ─[selectorIntents]→ PolicyIntent
 *
 * Two tiers, since a verdict may only end the tier it is in.
 */
import fc from 'fast-check';
import type { PolicyIntent, RuleIntent, SideMatch, Stage, TierIntent } from '../../src/intent/policy/policy-intent.ts';
import { type Family, families } from '../../src/net/address.ts';
import { endpoint, policyIntent } from '../../src/verdict/policy.fixture.ts';
import { policyId, policyRules } from './arbitrary-policy.ts';
import {
  addressSetIds,
  addressSets,
  allowAny,
  anyNet,
  emptySide,
  maybe,
  portSets,
  present,
  rangeEdges,
  resolveRule,
  seldom,
} from './arbitrary-rule.ts';

const anySet = fc.constantFrom(...addressSetIds);

/** How many actions there are decides how few blocks the rules can be put into. */
const actionChoices: readonly (readonly RuleIntent['action'][])[] = [
  ['Allow'],
  ['Allow', 'Allow', 'Allow', 'Deny'],
  ['Allow', 'Deny', 'Pass', 'Log'],
  ['Pass', 'Pass', 'Allow', 'Log'],
];

function selectorRules(actions: readonly RuleIntent['action'][]): fc.Arbitrary<RuleIntent | undefined> {
  return fc
    .record({
      action: fc.constantFrom(...actions),
      families: fc.constantFrom<readonly Family[]>(families, families, [4], [6]),
      source: fc.option(anySet, { nil: undefined, freq: 3 }),
      destination: maybe(anySet),
      net: seldom(anyNet),
      notAddressSet: seldom(anySet),
      protocol: maybe(fc.constantFrom(6, 6, 17, 58)),
      ports: maybe(fc.uniqueArray(fc.constantFrom(...rangeEdges), { minLength: 1, maxLength: 3 })),
    })
    .map(({ action, source, destination, net, notAddressSet, protocol, ports, ...terms }) => {
      const hasPorts = (protocol === 6 || protocol === 17) && ports !== undefined;
      return resolveRule(action, {
        ...terms,
        protocol,
        notProtocol: undefined,
        icmp: undefined,
        notIcmp: undefined,
        source: present<SideMatch>({ ...emptySide, addressSet: source, nets: net && [net] }),
        destination: present<SideMatch>({
          ...emptySide,
          addressSet: destination,
          notAddressSet,
          ports: hasPorts ? { ranges: ports, portSets: [] } : undefined,
        }),
      });
    });
}

const ruleLists = fc
  .constantFrom(...actionChoices)
  .chain((actions) => fc.array(selectorRules(actions), { minLength: 4, maxLength: 40, size: 'max' }));

/** Endpoints eth0 and eth1 with two tiers of one policy each. */
export const selectorIntents: fc.Arbitrary<PolicyIntent> = fc
  .record({
    lists: fc.tuple(ruleLists, ruleLists),
    stage: fc.constantFrom<Stage>('untracked', 'preDNAT', 'normal', 'forward'),
    defaultAction: fc.constantFrom<TierIntent['defaultAction']>('Pass', 'Pass', 'Deny'),
    hasProfile: fc.boolean(),
    isBothWays: fc.boolean(),
    addressSets,
    portSets,
  })
  .map(({ lists, stage, defaultAction, hasProfile, isBothWays, ...sets }) => {
    const [first, second] = lists.map((list) =>
      list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index })),
    );
    const tiers: readonly TierIntent[] = ['early', 'default'].map((name, i) => {
      return { name, defaultAction, policies: [policyId(i)] };
    });
    const byDirection = { ingress: tiers, egress: isBothWays && stage !== 'preDNAT' ? tiers : [] };
    const profiles = hasProfile ? ['open'] : [];
    return policyIntent({
      ...sets,
      forwardDefault: 'Deny',
      endpoints: ['eth0', 'eth1'].map((name) => endpoint(name, [name], { [stage]: byDirection }, profiles)),
      policies: new Map(
        [first ?? [], second ?? []].map((rules, i) => {
          return [policyId(i), policyRules('GlobalNetworkPolicy', `p${i}`, tiers[i]?.name ?? '', rules, rules)];
        }),
      ),
      profiles: new Map([['open', policyRules('Profile', 'open', null, [allowAny], [allowAny])]]),
    });
  });
