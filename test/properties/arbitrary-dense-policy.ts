/**
 * Policies that a compiler finds hard to put into few maps, for the property tests.
 *
 *   fast-check ─[denseIntents]→ PolicyIntent
 */
import fc from 'fast-check';
import type { PolicyIntent, RuleIntent, SideMatch, Stage } from '../../src/intent/policy/policy-intent.ts';
import type { Family } from '../../src/net/address.ts';
import { prefix } from '../../src/net/literals.fixture.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { endpoint, policyIntent } from '../../src/verdict/policy.fixture.ts';
import { policyId, policyRules } from './arbitrary-policy.ts';
import {
  addressSetIds,
  addressSets,
  allowAny,
  emptySide,
  maybe,
  nets,
  portSets,
  present,
  rangeEdges,
  resolveRule,
  seldom,
} from './arbitrary-rule.ts';

const hosts: Record<Family, readonly Prefix[]> = {
  4: Array.from({ length: 20 }, (_, i) => prefix(`10.0.0.${i}/32`)),
  6: Array.from({ length: 20 }, (_, i) => prefix(`2001:db8::${i.toString(16)}/128`)),
};

/** About the same few addresses, some with one net and some with many hosts on either side. */
const denseRules: fc.Arbitrary<RuleIntent | undefined> = fc
  .record({
    action: fc.constantFrom<RuleIntent['action']>('Allow', 'Allow', 'Deny', 'Deny', 'Pass', 'Log'),
    family: fc.constantFrom<Family>(4, 4, 4, 6),
    sources: fc.constantFrom(0, 0, 1, 2, 7, 18),
    destinations: fc.constantFrom(0, 0, 1, 2, 7, 18),
    offset: fc.nat(19),
    net: fc.nat(8),
    isWide: fc.boolean(),
    protocol: maybe(fc.constantFrom(6, 6, 17)),
    ports: maybe(fc.uniqueArray(fc.constantFrom(...rangeEdges), { minLength: 1, maxLength: 5 })),
    addressSet: seldom(fc.constantFrom(...addressSetIds)),
    notAddressSet: seldom(fc.constantFrom(...addressSetIds)),
  })
  .map(({ action, family, sources, destinations, offset, net, isWide, protocol, ports, addressSet, notAddressSet }) => {
    const rotated = [...hosts[family].slice(offset), ...hosts[family].slice(0, offset)];
    const list = (count: number): readonly Prefix[] | undefined => {
      if (count === 0) return undefined;
      return isWide ? rotated.slice(0, count) : [nets[family][net % nets[family].length] ?? prefix('::/0')];
    };
    const destinationPorts = protocol === undefined || !ports ? undefined : { ranges: ports, portSets: [] };
    return resolveRule(action, {
      families: [family],
      protocol,
      notProtocol: undefined,
      icmp: undefined,
      notIcmp: undefined,
      source: present<SideMatch>({ ...emptySide, nets: list(sources), addressSet }),
      destination: present<SideMatch>({
        ...emptySide,
        nets: list(destinations),
        notAddressSet,
        ports: destinationPorts,
      }),
    });
  });

/** Of single ports, some of which a staircase steps on. */
const singles = fc.array(
  fc.record({ isAllow: fc.boolean(), port: fc.nat(90), set: fc.constantFrom(...addressSetIds, '') }),
  {
    maxLength: 8,
  },
);

/**
 * Each rule overlaps the one before it, says the opposite and asks another set, so that no two may change places; rules
 * before and after overlap only some steps, often far away.
 */
const staircases: fc.Arbitrary<(RuleIntent | undefined)[]> = fc
  .record({ before: singles, steps: fc.integer({ min: 2, max: 90 }), after: singles })
  .map(({ before, steps, after }) => {
    const rule = (isAllow: boolean, first: number, last: number, set: string): RuleIntent => ({
      ...allowAny,
      action: isAllow ? 'Allow' : 'Deny',
      protocol: 6,
      source: set === '' ? {} : { addressSet: set },
      destination: { ports: { ranges: [{ first, last }], portSets: [] } },
    });
    const single = ({ isAllow, port, set }: { isAllow: boolean; port: number; set: string }) =>
      rule(isAllow, port + 1, port + 1, set);
    const stairs = Array.from({ length: steps }, (_, i) => {
      return rule(i % 2 === 0, i + 1, i + 2, addressSetIds[i % 2] ?? '');
    });
    return [...before.map(single), ...stairs, ...after.map(single)];
  });

/** Narrow ranges of ports that overlap in every way, under one condition: a map must be cut out of them. */
const overlaps: fc.Arbitrary<(RuleIntent | undefined)[]> = fc.array(
  fc
    .record({ isAllow: fc.boolean(), first: fc.integer({ min: 1, max: 90 }), width: fc.nat(4), isHost: fc.boolean() })
    .map(({ isAllow, first, width, isHost }) => ({
      ...allowAny,
      action: isAllow ? 'Allow' : 'Deny',
      families: [4],
      protocol: 6,
      source: isHost ? { nets: [prefix('10.0.0.2/31')] } : {},
      destination: { ports: { ranges: [{ first, last: first + width }], portSets: [] } },
    })),
  { minLength: 20, maxLength: 60, size: 'max' },
);

/** One endpoint on eth0 whose one policy has many rules. */
export const denseIntents: fc.Arbitrary<PolicyIntent> = fc
  .record({
    list: fc.oneof(
      { weight: 1, arbitrary: fc.array(denseRules, { minLength: 20, maxLength: 120, size: 'max' }) },
      { weight: 1, arbitrary: staircases },
      { weight: 1, arbitrary: overlaps },
    ),
    stage: fc.constantFrom<Stage>('untracked', 'preDNAT', 'normal', 'forward'),
    addressSets,
    portSets,
  })
  .map(({ list, stage, ...sets }) => {
    const ingress = list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index }));
    const tiers = { ingress: [{ name: 'default', defaultAction: 'Pass', policies: [policyId(0)] } as const] };
    return policyIntent({
      ...sets,
      forwardDefault: 'Deny',
      endpoints: [endpoint('h0', ['eth0'], { [stage]: tiers })],
      policies: new Map([[policyId(0), policyRules('GlobalNetworkPolicy', 'p0', 'default', ingress, [])]]),
    });
  });
