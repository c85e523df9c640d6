/**
 * The ports that host policy never closes, so that a router stays reachable (semantics §1.15, §4.10).
 *
 *   FelixSettings, Router, BGP peers ─[resolve-failsafes]→ Failsafe[]
 *
 * Invariant: a Router opens less than Calico does, unless someone configured the ports: BGP and BFD only to its peers,
 * connection state only to its group, ssh only as its management says. Sorted, without duplicates.
 */
import { type Address, compareAddresses } from '../../net/address.ts';
import { protocolNumbers } from '../../net/ip-protocol.ts';
import { comparePrefixes, containsPrefix, hostPrefix, type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import type { FailsafePort } from '../../resources/felix-configuration.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';
import type { LinkIntent } from '../links/links-intent.ts';
import type { Warning } from '../router-intent.ts';
import { sortedPurposes } from './failsafe-words.ts';
import { linkFailsafes } from './link-failsafes.ts';
import type { Failsafe, PolicyIntent } from './policy-intent.ts';
import type { ConfiguredFailsafes, FelixSettings } from './resolve-felix.ts';

/** Whom the router's own protocols speak to: BGP, BFD, conntrackd within its group, and the ends of its tunnels. */
export interface ControlPeers {
  readonly listenPort: number;
  readonly peers: readonly BgpPeer[];
  /** Those whose liveness BFD watches, each with the UDP port BFD uses to it (RFC 5881 §4, RFC 5883 §5). */
  readonly bfd?: readonly BfdPeer[];
  /** Routers that share connection state with this one, and the UDP port and interface they do it on. */
  readonly stateSync?: { readonly interfaceName: string; readonly port: number; readonly peers: readonly Address[] };
  /** What carries the Attachments. */
  readonly links?: readonly LinkIntent[];
}

/** The other end of a link, where it is one. */
interface LinkEnd {
  readonly attachment?: string;
  /** The only device that its packets come by: of a link that we make, to a neighbor on it. */
  readonly interfaceName?: string;
}

export interface BgpPeer extends LinkEnd {
  readonly address: Address;
  readonly port: number;
}

export interface BfdPeer extends LinkEnd {
  readonly address: Address;
  readonly port: 3784 | 4784;
}

const { TCP, UDP, SCTP } = protocolNumbers;
const bgpPort = 179;
const sshPort = 22;
const dhcpClientPort = 68;

/** DNS and DHCP out, DHCP in; BGP, etcd, Typha and the Kubernetes API both ways; ssh in. */
const calicoTcp = [bgpPort, 2379, 2380, 5473, 6443, 6666, 6667];
const calicoInbound: readonly Failsafe[] = [
  { protocol: TCP, port: sshPort },
  { protocol: UDP, port: dhcpClientPort },
  ...calicoTcp.map((port) => ({ protocol: TCP, port })),
];
const calicoOutbound: readonly Failsafe[] = [
  { protocol: UDP, port: 53 },
  { protocol: UDP, port: 67 },
  ...calicoTcp.map((port) => ({ protocol: TCP, port })),
];

/** Failsafes of a router: exactly Calico's for a Node alone, narrowed for a Router. */
export function resolveFailsafes(
  felix: FelixSettings,
  router: Resource<'Router'> | undefined,
  bgp: ControlPeers,
  warnings: Warning[],
): PolicyIntent['failsafes'] {
  return {
    inbound: sortedDistinct(resolveInbound(felix, router, bgp, warnings)),
    outbound: sortedDistinct(resolveOutbound(felix, router, bgp, warnings)),
  };
}

function resolveInbound(
  felix: FelixSettings,
  router: Resource<'Router'> | undefined,
  bgp: ControlPeers,
  warnings: Warning[],
): readonly Failsafe[] {
  const configured = felix.failsafeInbound && parseFailsafes(felix.failsafeInbound, warnings);
  if (!router) return configured ?? calicoInbound;
  if (configured) {
    const management = router.spec.management ? managementAccess(router, warnings) : [];
    return [...configured, ...management, ...controlFailsafes(bgp).inbound];
  }
  return [
    ...managementAccess(router, warnings),
    { protocol: UDP, port: dhcpClientPort, purposes: [{ what: 'DHCP' }] },
    ...bgp.peers.map((peer): Failsafe => ({ protocol: TCP, port: bgp.listenPort, ...peerOf(peer, 'BGP') })),
    ...controlFailsafes(bgp).inbound,
  ];
}

function resolveOutbound(
  felix: FelixSettings,
  router: Resource<'Router'> | undefined,
  bgp: ControlPeers,
  warnings: Warning[],
): readonly Failsafe[] {
  const configured = felix.failsafeOutbound && parseFailsafes(felix.failsafeOutbound, warnings);
  if (!router) return configured ?? calicoOutbound;
  if (configured) return [...configured, ...controlFailsafes(bgp).outbound];
  // Calico's list knows only port 179; a peer that listens elsewhere must be reachable too.
  const elsewhere = bgp.peers.filter(({ port }) => port !== bgpPort);
  return [
    ...calicoOutbound,
    ...elsewhere.map((peer): Failsafe => ({ protocol: TCP, port: peer.port, ...peerOf(peer, 'BGP') })),
    ...controlFailsafes(bgp).outbound,
  ];
}

/** What Attachments and the group ask for, whatever ports are configured: Calico knows neither. */
function controlFailsafes(bgp: ControlPeers): PolicyIntent['failsafes'] {
  const both = livenessAndState(bgp);
  const { inbound, outbound } = linkFailsafes(bgp.links ?? []);
  return { inbound: [...both, ...inbound], outbound: [...both, ...outbound] };
}

/** Each end sends to the other's port, so both directions are the same (RFC 5881 §4). */
function livenessAndState({ bfd = [], stateSync }: ControlPeers): Failsafe[] {
  return [
    ...bfd.map((peer): Failsafe => ({ protocol: UDP, port: peer.port, ...peerOf(peer, 'BFD') })),
    ...(stateSync ? stateSync.peers.map((address) => stateFailsafe(address, stateSync)) : []),
  ];
}

function peerOf(
  { address, attachment, interfaceName }: BgpPeer | BfdPeer,
  what: 'BGP' | 'BFD',
): Pick<Failsafe, 'net' | 'interfaces' | 'purposes'> {
  return {
    net: hostPrefix(address),
    ...(interfaceName === undefined ? {} : { interfaces: [interfaceName] }),
    purposes: [{ what, ...(attachment === undefined ? {} : { attachment }) }],
  };
}

function stateFailsafe(address: Address, { interfaceName, port }: NonNullable<ControlPeers['stateSync']>): Failsafe {
  const purposes = [{ what: 'connection state' }] as const;
  return { protocol: UDP, port, net: hostPrefix(address), interfaces: [interfaceName], purposes };
}

/** ssh from where management says, on the interfaces it says; anywhere where it says nothing, nowhere for an empty list. */
function managementAccess(router: Resource<'Router'>, warnings: Warning[]): Failsafe[] {
  const { allowFrom, interfaces } = router.spec.management ?? {};
  if (interfaces?.length === 0) return [];
  const access: Failsafe = {
    protocol: TCP,
    port: sshPort,
    purposes: [{ what: 'ssh' }],
    ...(interfaces ? { interfaces: [...interfaces].sort() } : {}),
  };
  if (!allowFrom) return [access];
  const entries: Failsafe[] = [];
  for (const [i, text] of allowFrom.entries()) {
    const net = parseAddressOrCidr(text);
    if (net) entries.push({ ...access, net });
    else
      warnings.push({
        code: 'invalid-address',
        subject: router,
        path: ['spec', 'management', 'allowFrom', i],
        message: `${text} is left out: not an address or prefix, so ssh is not allowed from it`,
      });
  }
  return entries;
}

function parseFailsafes({ subject, field, ports }: ConfiguredFailsafes, warnings: Warning[]): Failsafe[] {
  const parsed: Failsafe[] = [];
  for (const [i, entry] of ports.entries()) {
    const failsafe = parseFailsafe(entry);
    if (failsafe) warnings.push(...warnOfCalicoFailsafe(subject, ['spec', field, i], entry));
    if (failsafe) parsed.push(failsafe);
    else
      warnings.push({
        code: 'invalid-failsafe',
        subject,
        path: ['spec', field, i],
        message: 'this failsafe is left out: its protocol is none of TCP, UDP, SCTP or its net is no address or prefix',
      });
  }
  return parsed;
}

/** Calico validates these and its agent then stops at them (semantics §1.15). */
function warnOfCalicoFailsafe(subject: Resource, path: FieldPath, { protocol = '' }: FailsafePort): Warning[] {
  const isSctp = protocol.toUpperCase() === 'SCTP';
  if (protocol !== '' && !isSctp) return [];
  const here = isSctp ? 'SCTP works' : 'TCP is meant where no protocol is written';
  const message = `${here} here, and Calico's own agent does not start with it: do not share this configuration with one`;
  return [{ code: 'failsafe-unlike-calico', subject, path, message }];
}

function parseFailsafe({ protocol, port, net }: FailsafePort): Failsafe | undefined {
  const names: Readonly<Record<string, number>> = { TCP, UDP, SCTP };
  const name = (protocol ?? '') === '' ? 'TCP' : (protocol ?? '').toUpperCase();
  const number = Object.hasOwn(names, name) ? names[name] : undefined;
  if (number === undefined) return undefined;
  if (net === undefined || net === '') return { protocol: number, port };
  const prefix = parseAddressOrCidr(net);
  return prefix && { protocol: number, port, net: prefix };
}

/**
 * What several ask for is open once, and for all of them; of nets in one another the widest stands. What is alike in what it
 * says stands together, so that the first that lets a packet through is the same here and in the kernel's lookups.
 */
function sortedDistinct(failsafes: readonly Failsafe[]): Failsafe[] {
  const distinct: Failsafe[] = [];
  for (const failsafe of [...failsafes].sort(compareFailsafes)) {
    const last = distinct.at(-1);
    if (!last || !covers(last, failsafe)) distinct.push(failsafe);
    else distinct[distinct.length - 1] = { ...last, ...purposesOf(last, failsafe) };
  }
  return distinct;
}

function covers(wide: Failsafe, narrow: Failsafe): boolean {
  if (compareWhat(wide, narrow) !== 0) return false;
  return wide.net === undefined || narrow.net === undefined || containsPrefix(wide.net, narrow.net);
}

function purposesOf(...failsafes: readonly Failsafe[]): Pick<Failsafe, 'purposes'> {
  const purposes = sortedPurposes(failsafes.flatMap((failsafe) => failsafe.purposes ?? []));
  return purposes.length === 0 ? {} : { purposes };
}

/** A net stands before those that it contains. */
function compareFailsafes(a: Failsafe, b: Failsafe): number {
  return compareWhat(a, b) || compareNets(a.net, b.net);
}

/** All but the nets; of these the family. */
function compareWhat(a: Failsafe, b: Failsafe): number {
  return (
    (a.net?.family ?? 0) - (b.net?.family ?? 0) ||
    Number(a.interfaces !== undefined) - Number(b.interfaces !== undefined) ||
    Number(a.port !== undefined) - Number(b.port !== undefined) ||
    Number(a.icmp !== undefined) - Number(b.icmp !== undefined) ||
    a.protocol - b.protocol ||
    (a.port ?? 0) - (b.port ?? 0) ||
    compareInterfaces(a, b)
  );
}

function compareNets(a: Prefix | undefined, b: Prefix | undefined): number {
  if (!a || !b) return Number(a !== undefined) - Number(b !== undefined);
  return comparePrefixes(a, b);
}

function compareInterfaces(a: Failsafe, b: Failsafe): number {
  const [x, y] = [a, b].map(({ interfaces }) => interfaces?.join(',') ?? '');
  return (x ?? '') < (y ?? '') ? -1 : (x ?? '') > (y ?? '') ? 1 : 0;
}

/** Peers by address and port, each once. */
export function sortPeers(peers: ControlPeers['peers']): ControlPeers['peers'] {
  const sorted = [...peers].sort((a, b) => compareAddresses(a.address, b.address) || a.port - b.port);
  return sorted.filter((peer, i) => {
    const previous = sorted[i - 1];
    return !previous || compareAddresses(previous.address, peer.address) !== 0 || previous.port !== peer.port;
  });
}
