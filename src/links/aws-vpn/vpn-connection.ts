/**
 * A Site-to-Site VPN connection as AWS describes it to the customer's end: CustomerGatewayConfiguration.
 *
 *   XML text ─[parseVpnConnection]→ VpnConnection, or everything that is wrong with it
 *
 * Invariant: inside, all addresses of a tunnel fit each other, and all tunnels agree on the AS numbers.
 */
import { type Address, compareAddresses, printAddress } from '../../net/address.ts';
import { type Asn, parseAsn } from '../../net/asn.ts';
import { type InterfaceAddress, maskAddress, printPrefix } from '../../net/prefix.ts';
import { awsKeyProblem } from '../../resources/pre-shared-key.ts';
import { err, ok, type Result } from '../../result.ts';
import { type ElementReader, makeReader, shown } from './read-element.ts';
import { readTunnelEnds } from './tunnel-ends.ts';
import { maxProblems, parseXml, type XmlElement, type XmlProblem } from './xml-tree.ts';

export interface VpnConnection {
  readonly id: string;
  /** What the connection ends in at AWS. */
  readonly gateway: { readonly kind: 'virtual-private' | 'transit' | 'unknown'; readonly id: string | undefined };
  /** One at least, by the peer's outside address; AWS makes two. */
  readonly tunnels: readonly VpnTunnel[];
  /** Undefined for a static connection. */
  readonly bgp: { readonly localAs: Asn; readonly peerAs: Asn /** Seconds. */; readonly holdTime: number } | undefined;
}

export interface VpnTunnel {
  /** Outside. The customer's is where AWS sees it: behind NAT no device has it. Undefined with certificates alone. */
  readonly localOutside: Address | undefined;
  readonly peerOutside: Address;
  readonly localInside: InterfaceAddress;
  readonly peerInside: Address;
  /** Undefined where the connection uses certificates, or keeps its keys in Secrets Manager. */
  readonly preSharedKey: string | undefined;
  readonly ike: AskedCrypto;
  readonly esp: AskedCrypto;
  /** Seconds between questions to a silent peer, and after how many in vain it is dead. */
  readonly deadPeer: { readonly interval: number; readonly retries: number } | undefined;
}

/** In AWS's words. The oldest that the connection allows, whatever else it allows. */
export interface AskedCrypto {
  readonly encryption: string | undefined;
  readonly integrity: string | undefined;
  readonly group: string | undefined;
  /** Seconds. */
  readonly lifetime: number | undefined;
}

/** Two, and room for what AWS may come to make. */
const mostTunnels = 8;

export function parseVpnConnection(text: string): Result<VpnConnection, readonly XmlProblem[]> {
  const tree = parseXml(text);
  if (!tree.ok) return tree;
  const problems: XmlProblem[] = [];
  const connection = readConnection(tree.value, problems);
  if (connection === undefined || problems.length > 0) {
    return err(problems.toSorted((a, b) => a.line - b.line || a.column - b.column).slice(0, maxProblems));
  }
  return ok(connection);
}

function readConnection(root: XmlElement, problems: XmlProblem[]): VpnConnection | undefined {
  if (root.name !== 'vpn_connection') {
    problems.push({ ...root.place, path: '', reason: explainRoot(root) });
    return undefined;
  }
  const read = makeReader(root, root.name, problems);
  const id = readId(root, read);
  const type = read.text('vpn_connection_type') ?? 'ipsec.1';
  if (type !== 'ipsec.1')
    read.complain('vpn_connection_type', `${shown(type)} is not "ipsec.1", the only one there is`);
  const isStatic = read.text('vpn_connection_attributes') === 'NoBGPVPNConnection';
  const elements = root.children.filter(({ name }) => name === 'ipsec_tunnel');
  if (elements.length === 0) read.complain('', 'has no ipsec_tunnel');
  if (elements.length > mostTunnels) {
    read.complain('', `has ${elements.length} tunnels: AWS makes two of a connection`);
    return undefined;
  }
  const readers = elements.map((element, i) => makeReader(element, `vpn_connection/ipsec_tunnel[${i + 1}]`, problems));
  const tunnels = readers.map(readTunnel);
  refuseShared(tunnels, readers);
  const sessions = isStatic ? [] : readers.map(readSession);
  refuseDisagreement(sessions, readers);
  const [session] = sessions;
  if (id === undefined || tunnels.includes(undefined) || (!isStatic && session === undefined)) return undefined;
  const holdTimes = sessions.flatMap((one) => one?.holdTime ?? []);
  return {
    id,
    gateway: readGateway(read),
    tunnels: tunnels.flatMap((tunnel) => tunnel ?? []).toSorted(byPeer),
    bgp: session && { ...session, holdTime: Math.min(...holdTimes) },
  };
}

function explainRoot({ name, children }: XmlElement): string {
  const inside = children.filter((child) => child.name === 'vpn_connection').length;
  const more = inside > 1 ? `: it holds ${inside} connections, give the file of one` : '';
  return `is no VPN configuration: it begins with ${shown(name)}, not with "vpn_connection"${more}`;
}

function readId(root: XmlElement, read: ElementReader): string | undefined {
  const id = root.attributes['id']?.trim();
  if (id !== undefined && /^vpn-[0-9a-f]{8,17}$/.test(id)) return id;
  const reason = id ? `${shown(id)} is no id of a VPN connection` : 'the id of the VPN connection is missing';
  read.complain('', `${reason}: it is written id="vpn-0123456789abcdef0"`);
  return undefined;
}

function readGateway(read: ElementReader): VpnConnection['gateway'] {
  const virtual = read.text('vpn_gateway_id');
  if (virtual !== undefined) return { kind: 'virtual-private', id: virtual };
  const transit = read.text('transit_gateway_id');
  return { kind: transit === undefined ? 'unknown' : 'transit', id: transit };
}

function readTunnel(read: ElementReader): VpnTunnel | undefined {
  const ends = readTunnelEnds(read);
  const preSharedKey = readKey(read);
  const ike = readCrypto(read, 'ike', 28_800);
  const esp = readCrypto(read, 'ipsec', 3600);
  const interval = read.integer('ipsec/dead_peer_detection/interval', 1, 3600);
  const retries = read.integer('ipsec/dead_peer_detection/retries', 1, 100);
  const deadPeer = interval === undefined || retries === undefined ? undefined : { interval, retries };
  return ends && { ...ends, preSharedKey, ike, esp, deadPeer };
}

/** What is wrong is said without the key. */
function readKey(read: ElementReader): string | undefined {
  const path = 'ike/pre_shared_key';
  const key = read.text(path);
  const problem = key === undefined ? undefined : awsKeyProblem(key);
  if (problem === undefined) return key;
  read.complain(path, `${problem}: mend it, or take it out`);
  return undefined;
}

function readCrypto(read: ElementReader, name: 'ike' | 'ipsec', longest: number): AskedCrypto {
  return {
    encryption: read.text(`${name}/encryption_protocol`),
    integrity: read.text(`${name}/authentication_protocol`),
    group: read.text(`${name}/perfect_forward_secrecy`),
    lifetime: read.integer(`${name}/lifetime`, 900, longest),
  };
}

/** AWS lists tunnels now in one order, now in the other, and the names of devices and keys follow from it. */
function byPeer(a: VpnTunnel, b: VpnTunnel): number {
  return compareAddresses(a.peerOutside, b.peerOutside);
}

type Session = NonNullable<VpnConnection['bgp']>;

function readSession(read: ElementReader): Session | undefined {
  const localAs = readAs(read, 'customer_gateway/bgp/asn', 'the AS number of this router');
  const peerAs = readAs(read, 'vpn_gateway/bgp/asn', 'the AS number of the gateway');
  // AWS counts 30 s; the smaller of both ends is what a session runs with (RFC 4271 §4.2).
  const times = ['customer_gateway', 'vpn_gateway'].map((end) => read.integer(`${end}/bgp/hold_time`, 3, 65_535) ?? 30);
  if (localAs === undefined || peerAs === undefined) return undefined;
  if (localAs === peerAs) {
    read.complain('customer_gateway/bgp/asn', `AS ${localAs} is the gateway's too: AWS refuses routes with its own AS`);
    return undefined;
  }
  return { localAs, peerAs, holdTime: Math.min(...times) };
}

function readAs(read: ElementReader, path: string, use: string): Asn | undefined {
  const text = read.requiredText(path, `${use}, or vpn_connection_attributes says NoBGPVPNConnection`);
  if (text === undefined) return undefined;
  const asn = parseAsn(text);
  if (asn !== undefined && asn > 0) return asn;
  read.complain(path, `${shown(text)} is no AS number`);
  return undefined;
}

/** Two tunnels to one address, or with one subnet, cannot be told apart. */
function refuseShared(tunnels: readonly (VpnTunnel | undefined)[], readers: readonly ElementReader[]): void {
  const seen = new Set<string>();
  for (const [i, tunnel] of tunnels.entries()) {
    if (tunnel === undefined) continue;
    const outside = printAddress(tunnel.peerOutside);
    const inside = printPrefix(maskAddress(tunnel.localInside.address, tunnel.localInside.length));
    for (const [what, path] of [
      [outside, 'vpn_gateway/tunnel_outside_address/ip_address'],
      [inside, 'customer_gateway/tunnel_inside_address/ip_address'],
    ] as const) {
      if (seen.has(what)) readers[i]?.complain(path, `${what} is another tunnel's too`);
      seen.add(what);
    }
  }
}

/** An Attachment has one peer AS and one of its own, whatever the number of its tunnels. */
function refuseDisagreement(sessions: readonly (Session | undefined)[], readers: readonly ElementReader[]): void {
  const [first, ...others] = sessions;
  if (!first) return;
  for (const [i, other] of others.entries()) {
    for (const [end, key] of [
      ['customer_gateway', 'localAs'],
      ['vpn_gateway', 'peerAs'],
    ] as const) {
      if (other === undefined || other[key] === first[key]) continue;
      readers[i + 1]?.complain(`${end}/bgp/asn`, `AS ${other[key]} is not that of the first tunnel, ${first[key]}`);
    }
  }
}
