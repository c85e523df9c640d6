/**
 * Blocks for the inside of tunnels: the /30s of 169.254.0.0/16 that neither AWS nor a Kubernetes node needs.
 *
 * AWS keeps 169.254.0.0/30 to 169.254.5.0/30 and 169.254.168.0/22 for itself ("Tunnel options for your Site-to-Site VPN
 * connection", "Route table concepts"); 169.254.20.10 is where Kubernetes nodes ask their local DNS.
 */
import type { Address } from '../net/address.ts';
import { containsPrefix, maskAddress, type Prefix, parsePrefix } from '../net/prefix.ts';

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

function known(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`no prefix: ${text}`);
  return prefix;
}
