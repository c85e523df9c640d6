/**
 * Small policies and packets at their edges, for the property tests.
 *
 *   fast-check ─[policyIntents, packetCases]→ PolicyIntent, Packet and its Passage
 *
 * Everything is drawn from a few values that meet: addresses are the first, last and neighbouring ones of the few nets that
 * rules use, ports those around the ends of their ranges, so that a packet often hits a rule and often just misses it.
 *
 * Invariant: an intent is one that resolving resources could give: rules have families their nets allow, port ranges a
 * protocol with ports, and a wildcard endpoint no untracked policy.
 */
import fc from 'fast-check';
import type {
  AddressSet,
  Direction,
  EndpointIntent,
  Failsafe,
  IcmpMatch,
  PolicyIntent,
  PolicyRules,
  PortMatch,
  PortSet,
  PortSetMember,
  RuleIntent,
  SideMatch,
  Stage,
  TierIntent,
} from '../../src/intent/policy/policy-intent.ts';
import { type Family, families } from '../../src/net/address.ts';
import { hasPorts } from '../../src/net/ip-protocol.ts';
import type { PortRange } from '../../src/net/port-range.ts';
import { type Prefix, printPrefix } from '../../src/net/prefix.ts';
import type { Packet, Passage } from '../../src/verdict/packet.ts';
import { address, endpoint, policyIntent, prefix } from './policy-fixture.ts';

const nets: Record<Family, readonly Prefix[]> = {
  4: '0.0.0.0/0 10.0.0.0/8 10.0.0.0/29 10.0.0.0/30 10.0.0.2/31 10.0.0.2/32 10.0.0.3/32 10.0.0.4/30 128.0.0.0/1'
    .split(' ')
    .map(prefix),
  6: '::/0 2001:db8::/32 2001:db8::/125 2001:db8::/126 2001:db8::2/127 2001:db8::2/128 2001:db8::4/126 fe80::/10'
    .split(' ')
    .map(prefix),
};

const addresses: Record<Family, readonly string[]> = {
  4: '10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.7 10.0.0.8 10.255.255.255 11.0.0.0 9.255.255.255 192.0.2.1 255.255.255.255'.split(
    ' ',
  ),
  6: '2001:db8:: 2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::7 2001:db8::8 2001:db9:: fe80::1 ff02::1 ::1'.split(
    ' ',
  ),
};

const rangeEdges: readonly PortRange[] = [
  { first: 80, last: 80 },
  { first: 22, last: 22 },
  { first: 79, last: 81 },
  { first: 80, last: 443 },
  { first: 1, last: 65535 },
  { first: 1, last: 21 },
  { first: 1024, last: 65535 },
];
const portEdges = [0, 1, 21, 22, 23, 53, 78, 79, 80, 81, 82, 443, 444, 1023, 1024, 65534, 65535];
const policyProtocols = [6, 6, 6, 17, 17, 132, 1, 58, 136, 47, 2];
const interfaceNames = ['eth0', 'eth1', 'tun0', 'lo'];
const tierNames = ['early', 'default', 'late'];
const policyNames = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
const addressSetIds = ['s:a', 's:b', 's:empty'];
const portSetIds = ['p:a', 'p:b'];

/** Mostly absent: the fewer terms, the more packets a rule meets. */
function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary });
}

function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** The parts that are there, so that absent stays absent. */
function present<T extends object>(parts: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}

const anyNet = fc.constantFrom(...nets[4], ...nets[6]);
const netLists = fc.oneof(
  fc.uniqueArray(fc.constantFrom(...nets[4]), { minLength: 1, maxLength: 3 }),
  fc.uniqueArray(fc.constantFrom(...nets[6]), { minLength: 1, maxLength: 3 }),
  fc.uniqueArray(anyNet, { minLength: 1, maxLength: 3 }),
);

const portMatches: fc.Arbitrary<PortMatch> = fc
  .record({
    ranges: fc.uniqueArray(fc.constantFrom(...rangeEdges), { maxLength: 2 }),
    portSets: fc.uniqueArray(fc.constantFrom(...portSetIds), { maxLength: 1 }),
  })
  .filter(({ ranges, portSets }) => ranges.length + portSets.length > 0);

const sides: fc.Arbitrary<SideMatch> = fc
  .record({
    nets: maybe(netLists),
    notNets: seldom(netLists),
    addressSet: seldom(fc.constantFrom(...addressSetIds)),
    notAddressSet: seldom(fc.constantFrom(...addressSetIds)),
    ports: seldom(portMatches),
    notPorts: seldom(portMatches),
  })
  .map((parts) => present<SideMatch>(parts));

const icmpMatches: fc.Arbitrary<IcmpMatch> = fc
  .record({ type: maybe(fc.constantFrom(0, 8, 128, 135)), code: maybe(fc.constantFrom(0, 1)) })
  .map(({ type, code }) => (type === undefined ? {} : present<IcmpMatch>({ type, code })));

const anyRule: fc.Arbitrary<RuleIntent | undefined> = fc
  .record({
    action: fc.constantFrom('Allow', 'Allow', 'Deny', 'Pass', 'Log'),
    families: fc.constantFrom<readonly Family[]>(families, families, families, [4], [6]),
    protocol: maybe(fc.constantFrom(...policyProtocols)),
    notProtocol: seldom(fc.constantFrom(...policyProtocols)),
    icmp: seldom(icmpMatches),
    notIcmp: seldom(icmpMatches),
    source: sides,
    destination: sides,
  })
  .map(({ action, ...terms }) => resolveRule(action as RuleIntent['action'], terms));

/** What resolving would leave of such a rule: undefined when no family is left. */
function resolveRule(
  action: RuleIntent['action'],
  terms: {
    readonly families: readonly Family[];
    readonly protocol: number | undefined;
    readonly notProtocol: number | undefined;
    readonly icmp: IcmpMatch | undefined;
    readonly notIcmp: IcmpMatch | undefined;
    readonly source: SideMatch;
    readonly destination: SideMatch;
  },
): RuleIntent | undefined {
  const { protocol, source, destination } = terms;
  const lists = [source.nets, source.notNets, destination.nets, destination.notNets];
  const icmp = protocol === 1 || protocol === 58 ? terms.icmp : undefined;
  const left = terms.families.filter(
    (family) =>
      lists.every((list) => list === undefined || list.some((net) => net.family === family)) &&
      (icmp === undefined || protocol === (family === 4 ? 1 : 58)),
  );
  if (left.length === 0) return undefined;
  return present<RuleIntent>({
    action,
    index: 0,
    path: [],
    families: left,
    protocol,
    notProtocol: terms.notProtocol,
    icmp,
    notIcmp: terms.notIcmp,
    source: resolvePorts(source, protocol),
    destination: resolvePorts(destination, protocol),
  });
}

/** Only TCP, UDP and SCTP rules may have port numbers; names stand without a protocol too. */
function resolvePorts(side: SideMatch, protocol: number | undefined): SideMatch {
  const named = protocol === undefined || protocol === 6 || protocol === 17 || protocol === 132;
  const numbered = named && protocol !== undefined;
  const keep = (match: PortMatch | undefined): PortMatch | undefined => {
    if (!match || !named) return undefined;
    const kept = { ranges: numbered ? match.ranges : [], portSets: match.portSets };
    return kept.ranges.length + kept.portSets.length > 0 ? kept : undefined;
  };
  return present<SideMatch>({ ...emptySide, ...side, ports: keep(side.ports), notPorts: keep(side.notPorts) });
}

const emptySide = {
  nets: undefined,
  notNets: undefined,
  addressSet: undefined,
  notAddressSet: undefined,
  ports: undefined,
  notPorts: undefined,
};

const ruleLists: fc.Arbitrary<readonly RuleIntent[]> = fc
  .array(anyRule, { minLength: 1, maxLength: 5, size: 'max' })
  .map((list) => list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index })));

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

const failsafeLists: fc.Arbitrary<readonly Failsafe[]> = fc.array(
  fc
    .record({
      protocol: fc.constantFrom(6, 17, 132),
      port: fc.constantFrom(22, 53, 80),
      net: seldom(anyNet),
      interfaces: seldom(fc.subarray(interfaceNames, { minLength: 1 })),
    })
    .map((parts) => present<Failsafe>(parts)),
  { maxLength: 2 },
);

const addressSets: fc.Arbitrary<ReadonlyMap<string, AddressSet>> = fc
  .tuple(fc.subarray([...nets[4], ...nets[6]]), fc.subarray([...nets[4], ...nets[6]]))
  .map(([a, b]) => {
    const members = [a, b, []];
    return new Map(
      addressSetIds.map((id, i) => [
        id,
        { id, selector: id, members: new Map((members[i] ?? []).map((each) => [printPrefix(each), each])) },
      ]),
    );
  });

const portSetMembers: fc.Arbitrary<PortSetMember> = fc.record({
  prefix: anyNet,
  protocol: fc.constantFrom(6, 17, 132),
  port: fc.constantFrom(22, 80, 443),
});

const portSets: fc.Arbitrary<ReadonlyMap<string, PortSet>> = fc
  .tuple(fc.array(portSetMembers, { maxLength: 4 }), fc.array(portSetMembers, { maxLength: 4 }))
  .map(
    (lists) =>
      new Map(
        portSetIds.map((id, i) => [
          id,
          {
            id,
            selector: id,
            members: new Map(
              (lists[i] ?? []).map((each) => [`${printPrefix(each.prefix)},${each.protocol}:${each.port}`, each]),
            ),
          },
        ]),
      ),
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
    profiles: fc.subarray(['open', 'own', 'missing']),
    own: profileRules,
    addressSets,
    portSets,
  })
  .map(({ drafts: given, defaultActions, owners, hasWildcard, profiles, own, ...rest }) => {
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

const allowAny: RuleIntent = { action: 'Allow', index: 0, path: [], families, source: {}, destination: {} };

function policyId(index: number): string {
  return `GlobalNetworkPolicy/${policyNames[index]}`;
}

function policyRules(
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

const hosts: Record<Family, readonly Prefix[]> = {
  4: Array.from({ length: 12 }, (_, i) => prefix(`10.0.0.${i}/32`)),
  6: Array.from({ length: 12 }, (_, i) => prefix(`2001:db8::${i.toString(16)}/128`)),
};

/** Rules that a compiler finds hard to put into few maps: many of them, about the same addresses, and some very wide. */
const denseRules: fc.Arbitrary<RuleIntent | undefined> = fc
  .record({
    action: fc.constantFrom<RuleIntent['action']>('Allow', 'Allow', 'Deny', 'Deny', 'Pass', 'Log'),
    family: fc.constantFrom<Family>(4, 4, 4, 6),
    sources: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(12)),
    destinations: fc.oneof(fc.constant(0), fc.constant(1), fc.nat(12)),
    offset: fc.nat(11),
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

/** One endpoint on eth0 whose one policy has many rules, for local and forwarded packets alike. */
export const denseIntents: fc.Arbitrary<PolicyIntent> = fc
  .record({ list: fc.array(denseRules, { minLength: 20, maxLength: 120, size: 'max' }), addressSets, portSets })
  .map(({ list, ...sets }) => {
    const ingress = list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index }));
    const tiers = { ingress: [{ name: 'default', defaultAction: 'Pass', policies: [policyId(0)] } as const] };
    return policyIntent({
      ...sets,
      forwardDefault: 'Deny',
      endpoints: [endpoint('h0', ['eth0'], { untracked: tiers, normal: tiers, forward: tiers })],
      policies: new Map([[policyId(0), policyRules('GlobalNetworkPolicy', 'p0', 'default', ingress, [])]]),
    });
  });

export interface PacketCase {
  readonly passage: Passage;
  readonly packet: Packet;
  /** What stands where ports would, in a packet without ports; see PortlessBytes. */
  readonly portless: 'too short' | { readonly sourcePort: number; readonly destinationPort: number };
}

const anyInterface = fc.constantFrom(...interfaceNames, 'eth0', 'eth1', 'eth0', 'eth1', 'eth9');
const passages: fc.Arbitrary<Passage> = fc.oneof(
  fc.record({ kind: fc.constant('local-in' as const), inbound: anyInterface }),
  fc.record({ kind: fc.constant('local-out' as const), outbound: anyInterface }),
  fc.record({ kind: fc.constant('forward' as const), inbound: anyInterface, outbound: anyInterface }),
);

const anyPort = fc.constantFrom(...portEdges);

const packets: fc.Arbitrary<Packet> = fc
  .record({
    family: fc.constantFrom<Family>(4, 6),
    source: fc.nat(100),
    destination: fc.nat(100),
    protocol: fc.constantFrom(6, 6, 6, 17, 17, 1, 58, 58, 132, 136, 47, 2, 255),
    sourcePort: anyPort,
    destinationPort: anyPort,
    icmpType: fc.constantFrom(0, 8, 128, 132, 133, 135, 137, 138, 255),
    icmpCode: fc.constantFrom(0, 1, 255),
    ctState: fc.constantFrom<Packet['ctState']>(
      'new',
      'new',
      'new',
      'new',
      'new',
      'new',
      'established',
      'invalid',
      'untracked',
    ),
  })
  .map(({ family, source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, ctState }) => {
    const at = (index: number) => address(addresses[family][index % addresses[family].length] ?? '');
    return {
      source: at(source),
      destination: at(destination),
      protocol,
      ctState,
      ...(hasPorts(protocol) ? { sourcePort, destinationPort } : {}),
      ...(protocol === (family === 4 ? 1 : 58) ? { icmpType, icmpCode } : {}),
    };
  });

const portlessBytes: fc.Arbitrary<PacketCase['portless']> = fc.oneof(
  fc.constant('too short' as const),
  fc.record({ sourcePort: anyPort, destinationPort: anyPort }),
);

export const packetCases: fc.Arbitrary<PacketCase> = fc.record({
  passage: passages,
  packet: packets,
  portless: portlessBytes,
});

/** New packets that arrive on eth0. */
export const arrivingCases: fc.Arbitrary<PacketCase> = fc.record({
  passage: fc.constantFrom<Passage>(
    { kind: 'local-in', inbound: 'eth0' },
    { kind: 'forward', inbound: 'eth0', outbound: 'eth1' },
  ),
  packet: packets.map((packet) => ({ ...packet, ctState: 'new' as const })),
  portless: portlessBytes,
});
