/**
 * Blocks for the inside of tunnels: the /30s of 169.254.0.0/16 that neither AWS nor a Kubernetes node needs.
 *
 *   both outside ends ─[insideEnds]→ address of this end, address of the other
 *
 * Invariant: what is derived depends on the two outside ends alone, and both ends derive the same: nothing is remembered, and
 * no other tunnel's coming or going changes it. Two tunnels may thus get one block, which references/links.ts tells.
 *
 * AWS keeps 169.254.0.0/30 to 169.254.5.0/30 and 169.254.168.0/22 for itself ("Tunnel options for your Site-to-Site VPN
 * connection", "Route table concepts"); 169.254.20.10 is where Kubernetes nodes ask their local DNS.
 */
import { type Address, compareAddresses, printAddress } from '../net/address.ts';
import { contentNumber } from '../net/content-hash.ts';
import {
  containsAddress,
  containsPrefix,
  equalPrefixes,
  maskAddress,
  type Prefix,
  parsePrefix,
} from '../net/prefix.ts';

const first = 0xa9_fe_08_00n;
const beyond = 0xa9_fe_a8_00n;
const size = 4n;

/** Of which AWS takes the inside addresses of a VPN. */
export const awsInsidePool = known('169.254.0.0/16');
/** What machines in a VPC reach at link-local addresses: time, names, metadata. No route may lead elsewhere. */
export const awsServices = known('169.254.168.0/22');
/** Never inside a tunnel of AWS. */
export const awsReservedBlocks: readonly Prefix[] = [
  ...[0, 1, 2, 3, 4, 5].map((third) => known(`169.254.${third}.0/30`)),
  awsServices,
];
const nodeLocalDns = known('169.254.20.8/30');

/** The lowest block that overlaps none of those taken; undefined where all are. */
export function freeInsideBlock(taken: readonly Prefix[]): Prefix | undefined {
  const blocked = [...taken, nodeLocalDns];
  for (let bits = first; bits < beyond; bits += size) {
    const address: Address = { family: 4, bits };
    const block = maskAddress(address, 30);
    if (!blocked.some((one) => containsPrefix(one, block) || containsPrefix(block, one))) return block;
  }
  return undefined;
}

/** Where a packet of the tunnel comes from, or goes to; the port is undefined where it is IKE's own, 500 and 4500. */
export interface OuterEnd {
  readonly address: Address;
  readonly port: number | undefined;
}

export interface InsideEnds {
  /** With its length, as on the device. */
  readonly local: string;
  readonly remote: string;
}

/**
 * The block is chosen by a hash of both ends; the end with the lower outside address has the lower address in it. Undefined
 * where a NAT lies between, as one of the two would then not be what the other end writes.
 */
export function insideEnds(local: OuterEnd, remote: OuterEnd): InsideEnds | undefined {
  const order = compareAddresses(local.address, remote.address);
  if (order === 0 || isPrivate(local.address) !== isPrivate(remote.address)) return undefined;
  const [low, high] = order < 0 ? [local, remote] : [remote, local];
  const block = blockOf(contentNumber(`tunnel ${printEnd(low)} ${printEnd(high)}`));
  const [ours, theirs] = order < 0 ? [1n, 2n] : [2n, 1n];
  const host = (number: bigint): string => printAddress({ family: 4, bits: block.bits + number });
  return { local: `${host(ours)}/${block.length}`, remote: host(theirs) };
}

function blockOf(number: number): Prefix {
  const count = (beyond - first) / size;
  const chosen = maskAddress({ family: 4, bits: first + (BigInt(number) % count) * size }, 30);
  return equalPrefixes(chosen, nodeLocalDns) ? { ...chosen, bits: chosen.bits + size } : chosen;
}

function printEnd({ address, port }: OuterEnd): string {
  return `${printAddress(address)} ${port === undefined || port === 500 || port === 4500 ? '-' : port}`;
}

/** RFC 1918, 6598, 3927, 4193: what no other network can answer to. */
const privateRanges = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
].map(known);

/** An address that machines elsewhere see as another one, if at all. */
export function isPrivate(address: Address): boolean {
  return privateRanges.some((range) => containsAddress(range, address));
}

function known(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`no prefix: ${text}`);
  return prefix;
}
