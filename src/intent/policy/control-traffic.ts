/**
 * The router's own control traffic that its policy cuts: neighbour discovery, loopback, tunnels (semantics §4.10, §4.11).
 *
 *   PolicyIntent, SelectedEndpoints, InterfaceFacts ─[warnOfControlTraffic]→ Warning[]
 *
 * Invariant: warns only of what surely is cut, whatever the members of selectors are.
 */
import { type Family, parseAddress } from '../../net/address.ts';
import { protocolNumbers } from '../../net/ip-protocol.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction, EndpointIntent, InterfaceFacts, PolicyIntent, TierIntent } from './policy-intent.ts';
import { isSurelyAllowed, isSurelyDenied, type Probe } from './probe.ts';
import { wildcard } from './resolve-endpoints.ts';

/** An endpoint as resolved, and the resource it is, generated ones included. */
export interface ProbedEndpoint {
  readonly intent: EndpointIntent;
  readonly resource: Resource<'HostEndpoint'>;
}

const directions: readonly Direction[] = ['ingress', 'egress'];
const words = { ingress: 'in', egress: 'out' } as const;
const { UDP, TCP, ICMPv6 } = protocolNumbers;

export function warnOfControlTraffic(
  policy: PolicyIntent,
  endpoints: readonly ProbedEndpoint[],
  interfaces: readonly InterfaceFacts[],
): Warning[] {
  const allowed: AllowedFamilies = new Map();
  return [
    ...endpoints.flatMap((endpoint) => [
      ...warnOfNeighborDiscovery(policy, endpoint, interfaces),
      ...warnOfLoopback(policy, endpoint),
      ...warnOfOneWay(policy, endpoint, allowed),
    ]),
    ...warnOfTunnels(policy, endpoints, interfaces),
  ];
}

/** Solicitation and advertisement, from a neighbour's link-local address. */
const discovery: readonly Probe[] = [135, 136].map((icmpType) => {
  const remote = parseAddress('fe80::1');
  return { family: 6, protocol: ICMPv6, icmpType, ...(remote && { remote }) };
});

function warnOfNeighborDiscovery(
  policy: PolicyIntent,
  { intent, resource }: ProbedEndpoint,
  interfaces: readonly InterfaceFacts[],
): Warning[] {
  if (policy.exemptsNeighborDiscovery) return [];
  const hasIpv6 = interfaces.some(
    ({ name, addresses }) => covers(intent, name) && addresses.some(({ address }) => address.family === 6),
  );
  if (!hasIpv6) return [];
  const cut = directions.filter((direction) =>
    discovery.some((probe) => isSurelyDenied(policy, intent, direction, probe)),
  );
  if (cut.length === 0) return [];
  const message = `no rule allows ICMPv6 133 to 137 ${cut.map((direction) => words[direction]).join(' and ')}: neighbours and this host cannot find each other and IPv6 stops; allow protocol ICMPv6 ${cut.length === 1 ? 'that way' : 'both ways'}`;
  return [{ code: 'neighbor-discovery-denied', subject: resource, path: ['spec'], message }];
}

/** A program that listens somewhere, and another that connects to it. */
const loopbackProbes: readonly Probe[] = ['127.0.0.1', '::1'].flatMap((text) => {
  const address = parseAddress(text);
  return address
    ? [{ family: address.family, protocol: TCP, port: 40_000, remote: address, local: address } as const]
    : [];
});

function warnOfLoopback(policy: PolicyIntent, { intent, resource }: ProbedEndpoint): Warning[] {
  if (policy.exemptsLoopback || intent.interfaces !== wildcard) return [];
  const isOpen = loopbackProbes.every((probe) =>
    directions.every((direction) => isSurelyAllowed(policy, intent, direction, probe)),
  );
  if (isOpen) return [];
  const message =
    'it covers lo too: local programs cannot reach each other over 127.0.0.0/8 and ::1 unless a policy allows it in and out; allow these nets, or name interfaces instead of *';
  return [{ code: 'loopback-denied', subject: resource, path: ['spec', 'interfaceName'], message }];
}

const controlProtocols: ReadonlyMap<number, string> = new Map([
  [47, 'GRE'],
  [50, 'ESP'],
  [89, 'OSPF'],
  [112, 'VRRP'],
]);

/** Whoever allows such a protocol one way means to speak it, which takes both. */
function warnOfOneWay(policy: PolicyIntent, { intent, resource }: ProbedEndpoint, allowed: AllowedFamilies): Warning[] {
  const warnings: Warning[] = [];
  for (const direction of directions) {
    const other = direction === 'ingress' ? 'egress' : 'ingress';
    for (const [protocol, name] of controlProtocols) {
      const families = allowedFamilies(policy, intent, direction, allowed).get(protocol) ?? [];
      const cut = families.some((family) => isSurelyDenied(policy, intent, other, { family, protocol }));
      if (!cut) continue;
      const message = `policy allows ${name} (protocol ${protocol}) ${words[direction]} but nothing lets it ${words[other]}: allow it both ways`;
      warnings.push({ code: 'one-way-protocol', subject: resource, path: ['spec'], message });
    }
  }
  return warnings;
}

/** By the tiers that are met, which endpoints share. */
type AllowedFamilies = Map<readonly TierIntent[], ReadonlyMap<number, readonly Family[]>>;

/** Of each control protocol that some rule allows by its number. */
function allowedFamilies(
  policy: PolicyIntent,
  { tiers }: EndpointIntent,
  direction: Direction,
  known: AllowedFamilies,
): ReadonlyMap<number, readonly Family[]> {
  const met = tiers.normal[direction];
  const before = known.get(met);
  if (before) return before;
  const families = new Map<number, readonly Family[]>();
  for (const { policies } of met) {
    for (const id of policies) {
      for (const rule of policy.policies.get(id)?.[direction] ?? []) {
        if (rule.action !== 'Allow' || rule.protocol === undefined || families.has(rule.protocol)) continue;
        if (controlProtocols.has(rule.protocol)) families.set(rule.protocol, rule.families);
      }
    }
  }
  known.set(met, families);
  return families;
}

interface Tunnel {
  readonly what: string;
  /** Interfaces that show it is in use; the kernel's own fallback devices end in 0 and show nothing. */
  readonly interfaces: RegExp;
  readonly probes: readonly Omit<Probe, 'family'>[];
}

const tunnels: readonly Tunnel[] = [
  {
    what: 'IKE and ESP (udp/500, udp/4500, protocol 50)',
    interfaces: /^(?:vti|ip_vti|ip6_vti|ipsec|xfrm)-?[1-9a-z]/,
    probes: [{ protocol: UDP, port: 500 }],
  },
  { what: 'GRE (protocol 47)', interfaces: /^(?:ip6)?gre(?:tap)?-?[1-9]/, probes: [{ protocol: 47 }] },
  { what: 'VRRP (protocol 112)', interfaces: /^vrrp/, probes: [{ protocol: 112 }] },
];

/** No failsafe covers tunnels and VRRP. The outer interface is not known, so all must deny. */
function warnOfTunnels(
  policy: PolicyIntent,
  endpoints: readonly ProbedEndpoint[],
  interfaces: readonly InterfaceFacts[],
): Warning[] {
  const [first] = endpoints;
  if (!first) return [];
  return tunnels.flatMap(({ what, interfaces: pattern, probes }) => {
    const link = interfaces.find(({ name }) => pattern.test(name));
    if (!link) return [];
    const outer = endpoints.filter(({ intent }) => !isOnly(intent, link.name));
    const isCut = outer.every(({ intent }) =>
      probes.every((probe) =>
        ([4, 6] as const).every((family) => isSurelyDenied(policy, intent, 'ingress', { ...probe, family })),
      ),
    );
    if (outer.length === 0 || !isCut) return [];
    const message = `interface ${link.name} shows that it is used, and policy drops ${what} on every HostEndpoint: allow it where the tunnel's other end is`;
    return [{ code: 'tunnel-denied', subject: outer[0]?.resource, path: ['spec'], message }];
  });
}

function isOnly({ interfaces }: EndpointIntent, name: string): boolean {
  return interfaces !== wildcard && interfaces.length === 1 && interfaces[0] === name;
}

function covers({ interfaces }: EndpointIntent, name: string): boolean {
  return interfaces === wildcard || interfaces.includes(name);
}
