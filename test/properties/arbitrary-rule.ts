/**
 * Rules and the sets they ask, at their edges.
 *
 * Invariant: a rule is one that resolving a resource could give: its families are those its nets allow, numbered ports have
 * a protocol with ports, ICMP terms the protocol of their family.
 */
import fc from 'fast-check';
import type {
  AddressSet,
  IcmpMatch,
  PortMatch,
  PortSet,
  PortSetMember,
  RuleIntent,
  SideMatch,
} from '../../src/intent/policy/policy-intent.ts';
import { type Family, families } from '../../src/net/address.ts';
import { prefix } from '../../src/net/literals.fixture.ts';
import type { PortRange } from '../../src/net/port-range.ts';
import { type Prefix, printPrefix } from '../../src/net/prefix.ts';

export const nets: Record<Family, readonly Prefix[]> = {
  4: '0.0.0.0/0 10.0.0.0/8 10.0.0.0/29 10.0.0.0/30 10.0.0.2/31 10.0.0.2/32 10.0.0.3/32 10.0.0.4/30 128.0.0.0/1'
    .split(' ')
    .map(prefix),
  6: '::/0 2001:db8::/32 2001:db8::/125 2001:db8::/126 2001:db8::2/127 2001:db8::2/128 2001:db8::4/126 fe80::/10'
    .split(' ')
    .map(prefix),
};

export const rangeEdges: readonly PortRange[] = [
  { first: 80, last: 80 },
  { first: 22, last: 22 },
  { first: 79, last: 81 },
  { first: 80, last: 443 },
  { first: 1, last: 65535 },
  { first: 1, last: 21 },
  { first: 1024, last: 65535 },
];
const policyProtocols = [6, 6, 6, 17, 17, 132, 1, 58, 136, 47, 2];
/** More than a dispatch by address takes. */
export const addressSetIds = ['s:a', 's:b', 's:c', 's:d', 's:e', 's:empty'];
const portSetIds = ['p:a', 'p:b'];

/** Mostly absent: the fewer terms, the more packets a rule meets. */
export function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary });
}

export function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** The parts that are there, so that absent stays absent. */
export function present<T extends object>(parts: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as T;
}

export const anyNet = fc.constantFrom(...nets[4], ...nets[6]);
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
  .record({
    type: fc.option(fc.constantFrom(8, 128, 135), { nil: undefined }),
    code: fc.option(fc.constantFrom(0, 1), { nil: undefined }),
  })
  .map(({ type, code }) => (type === undefined ? {} : present<IcmpMatch>({ type, code })));

const anyRule: fc.Arbitrary<RuleIntent | undefined> = fc
  .record({
    action: fc.constantFrom('Allow', 'Allow', 'Deny', 'Pass', 'Log'),
    families: fc.constantFrom<readonly Family[]>(families, families, families, [4], [6]),
    protocol: maybe(fc.constantFrom(...policyProtocols)),
    isAboutIcmp: fc.constantFrom(false, false, false, true),
    notProtocol: seldom(fc.constantFrom(...policyProtocols)),
    icmp: icmpMatches,
    notIcmp: icmpMatches,
    icmpTerm: fc.constantFrom('icmp', 'notIcmp'),
    source: sides,
    destination: sides,
  })
  .map(({ action, isAboutIcmp, icmp, notIcmp, icmpTerm, ...terms }) => {
    const asksIcmp = isAboutIcmp && icmpTerm === 'icmp';
    return resolveRule(action as RuleIntent['action'], {
      ...terms,
      protocol: asksIcmp ? (terms.protocol === 1 ? 1 : 58) : terms.protocol,
      icmp: asksIcmp ? icmp : undefined,
      notIcmp: isAboutIcmp && icmpTerm === 'notIcmp' ? notIcmp : undefined,
    });
  });

/** What resolving would leave of such a rule: undefined when no family is left. */
export function resolveRule(
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

export const emptySide = {
  nets: undefined,
  notNets: undefined,
  addressSet: undefined,
  notAddressSet: undefined,
  ports: undefined,
  notPorts: undefined,
};

export const ruleLists: fc.Arbitrary<readonly RuleIntent[]> = fc
  .array(anyRule, { minLength: 1, maxLength: 5, size: 'max' })
  .map((list) => list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index })));

export const allowAny: RuleIntent = { action: 'Allow', index: 0, path: [], families, source: {}, destination: {} };

/** Mostly few members, so that a signature's rules are not always all. */
const memberLists: fc.Arbitrary<readonly Prefix[]> = fc.oneof(
  fc.subarray([...nets[4], ...nets[6]]),
  fc.subarray([...nets[4], ...nets[6]], { maxLength: 4 }),
  fc.subarray([...nets[4]], { maxLength: 3 }),
);

export const addressSets: fc.Arbitrary<ReadonlyMap<string, AddressSet>> = fc
  .tuple(memberLists, memberLists, memberLists, memberLists, memberLists)
  .map(
    (lists) =>
      new Map(
        addressSetIds.map((id, i) => [
          id,
          { id, selector: id, members: new Map((lists[i] ?? []).map((each) => [printPrefix(each), each])) },
        ]),
      ),
  );

const portSetMembers: fc.Arbitrary<PortSetMember> = fc.record({
  prefix: anyNet,
  protocol: fc.constantFrom(6, 17, 132),
  port: fc.constantFrom(22, 80, 443),
});

export const portSets: fc.Arbitrary<ReadonlyMap<string, PortSet>> = fc
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
