/**
 * Small policies, for the property tests.
 *
 *   fast-check ─[policyIntents]→ PolicyIntent
 *
 * Policies are drawn as resources would say them (a tier, stages, directions, endpoints selected) and then laid out by
 * endpoint, so that one policy stands in many places, as in life.
 *
 * Invariant: an intent is one that resolving resources could give: a wildcard endpoint has no untracked policy.
 */
import fc from 'fast-check';
import type {
  Direction,
  EndpointIntent,
  Failsafe,
  PolicyIntent,
  PolicyRules,
  RuleIntent,
  SideMatch,
  Stage,
  TierIntent,
} from '../../src/intent/policy/policy-intent.ts';
import { endpoint, policyIntent } from '../../src/verdict/policy.fixture.ts';
import { interfaceNames } from './arbitrary-packet.ts';
import { addressSets, allowAny, anyNet, portSets, present, ruleLists, seldom } from './arbitrary-rule.ts';

const tierNames = ['early', 'default', 'late'];
const policyNames = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];

/** A policy as its resource would say it: which stages it joins, which directions, which endpoints it selects. */
interface PolicyDraft {
  readonly tier: string;
  readonly stages: readonly Stage[];
  readonly directions: readonly Direction[];
  readonly selects: readonly string[];
  readonly ingress: readonly RuleIntent[];
  readonly egress: readonly RuleIntent[];
}

const endpointNames = ['h0', 'h1', 'all'];

const drafts: fc.Arbitrary<readonly PolicyDraft[]> = fc.array(
  fc.record({
    tier: fc.constantFrom(...tierNames),
    stages: fc.constantFrom<readonly Stage[]>(
      ['normal', 'forward'],
      ['normal', 'forward'],
      ['normal'],
      ['preDNAT'],
      ['untracked'],
    ),
    directions: fc.constantFrom<readonly Direction[]>(['ingress'], ['egress'], ['ingress', 'egress']),
    selects: fc.subarray(endpointNames, { minLength: 1 }),
    ingress: ruleLists,
    egress: ruleLists,
  }),
  { maxLength: policyNames.length, size: 'max' },
);

const failsafePlaces = { net: seldom(anyNet), interfaces: seldom(fc.subarray(interfaceNames, { minLength: 1 })) };
const portFailsafes = fc.record({
  protocol: fc.constantFrom(6, 6, 17, 132),
  port: fc.constantFrom(22, 53, 80),
  ...failsafePlaces,
});
/** Of a whole protocol, as ESP has them. */
const protocolFailsafes = fc.record({ protocol: fc.constantFrom(47, 50, 1, 17), ...failsafePlaces });
const echoFailsafes = fc
  .record({ net: anyNet, isToAnybody: fc.boolean(), interfaces: failsafePlaces.interfaces })
  .map(({ net, isToAnybody, interfaces }) => {
    const kind = { protocol: net.family === 4 ? 1 : 58, icmp: 'echo' as const, interfaces };
    return isToAnybody ? kind : { ...kind, net };
  });

const failsafeLists: fc.Arbitrary<readonly Failsafe[]> = fc.array(
  fc
    .oneof(
      { weight: 3, arbitrary: portFailsafes },
      { weight: 1, arbitrary: protocolFailsafes },
      { weight: 1, arbitrary: echoFailsafes },
    )
    .map((parts) => present<Failsafe>(parts)),
  { maxLength: 4, size: 'max' },
);

const profileRules = fc.record({ ingress: ruleLists, egress: ruleLists });

export const policyIntents: fc.Arbitrary<PolicyIntent> = fc
  .record({
    forwardDefault: fc.constantFrom<PolicyIntent['forwardDefault']>('Allow', 'Deny'),
    denyVerdict: fc.constantFrom<PolicyIntent['denyVerdict']>('drop', 'drop', 'reject'),
    dropsInvalid: fc.boolean(),
    exemptsNeighborDiscovery: fc.boolean(),
    exemptsLoopback: fc.boolean(),
    failsafes: fc.record({ inbound: failsafeLists, outbound: failsafeLists }),
    drafts,
    defaultActions: fc.array(fc.constantFrom<TierIntent['defaultAction']>('Deny', 'Deny', 'Pass'), {
      minLength: tierNames.length,
      maxLength: tierNames.length,
    }),
    owners: fc.array(fc.constantFrom('h0', 'h1', 'h0', 'h1', 'none'), {
      minLength: interfaceNames.length,
      maxLength: interfaceNames.length,
    }),
    hasWildcard: fc.boolean(),
    /** Rules that say nothing of addresses mean the same in both families, and may be compiled once. */
    isWithoutAddresses: fc.constantFrom(false, false, false, false, true),
    profiles: fc.shuffledSubarray(['open', 'own', 'missing']),
    own: profileRules,
    addressSets,
    portSets,
  })
  .map(({ drafts: drawn, defaultActions, owners, hasWildcard, isWithoutAddresses, profiles, own, ...rest }) => {
    const given = isWithoutAddresses ? drawn.map(withoutAddresses) : drawn;
    const interfacesOf = (name: string) => interfaceNames.filter((_, i) => owners[i] === name).sort();
    const endpoints: EndpointIntent[] = ['h0', 'h1']
      .filter((name) => interfacesOf(name).length > 0)
      .map((name) => endpoint(name, interfacesOf(name), stagesOf(name, given, defaultActions), profiles));
    if (hasWildcard) endpoints.unshift(endpoint('all', '*', stagesOf('all', given, defaultActions), profiles));
    const policies = given.map((draft, i): readonly [string, PolicyRules] => {
      const name = policyNames[i] ?? '';
      return [policyId(i), policyRules('GlobalNetworkPolicy', name, draft.tier, draft.ingress, draft.egress)];
    });
    return policyIntent({
      ...rest,
      endpoints,
      policies: new Map(policies),
      profiles: new Map([
        ['open', policyRules('Profile', 'open', null, [allowAny], [allowAny])],
        ['own', policyRules('Profile', 'own', null, own.ingress, own.egress)],
      ]),
    });
  });

function withoutAddresses(draft: PolicyDraft): PolicyDraft {
  const strip = (list: readonly RuleIntent[]) =>
    list.map(
      (rule): RuleIntent => ({
        ...rule,
        source: numberedPorts(rule.source),
        destination: numberedPorts(rule.destination),
      }),
    );
  return { ...draft, ingress: strip(draft.ingress), egress: strip(draft.egress) };
}

function numberedPorts({ ports }: SideMatch): SideMatch {
  return ports && ports.ranges.length > 0 ? { ports: { ranges: ports.ranges, portSets: [] } } : {};
}

export function policyId(index: number): string {
  return `GlobalNetworkPolicy/${policyNames[index]}`;
}

export function policyRules(
  kind: string,
  name: string,
  tier: string | null,
  ingress: readonly RuleIntent[],
  egress: readonly RuleIntent[],
): PolicyRules {
  return { id: `${kind}/${name}`, resource: undefined, kind, name, tier, ingress, egress };
}

function stagesOf(
  name: string,
  given: readonly PolicyDraft[],
  defaultActions: readonly TierIntent['defaultAction'][],
): Partial<Record<Stage, Partial<Record<Direction, readonly TierIntent[]>>>> {
  const tiers = (stage: Stage, direction: Direction): TierIntent[] =>
    tierNames.flatMap((tierName, t) => {
      const policies = given.flatMap((draft, i) =>
        draft.tier === tierName &&
        draft.stages.includes(stage) &&
        draft.directions.includes(direction) &&
        draft.selects.includes(name)
          ? [policyId(i)]
          : [],
      );
      return policies.length === 0 ? [] : [{ name: tierName, defaultAction: defaultActions[t] ?? 'Deny', policies }];
    });
  const both = (stage: Stage) => ({ ingress: tiers(stage, 'ingress'), egress: tiers(stage, 'egress') });
  return {
    // semantics §4.8: untracked policy on a wildcard endpoint is ignored.
    untracked: name === 'all' ? {} : both('untracked'),
    preDNAT: { ingress: tiers('preDNAT', 'ingress') },
    normal: both('normal'),
    forward: both('forward'),
  };
}
