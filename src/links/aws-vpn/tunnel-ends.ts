/**
 * The addresses of one tunnel, outside and inside, as far as they fit each other.
 *
 *   ipsec_tunnel ─[readTunnelEnds]→ addresses of both ends
 *
 * Invariant: both inside addresses are different hosts of one subnet, which AWS takes from 169.254.0.0/16 (/30) or fd00::/8
 * (/126), and which is none of those that AWS keeps for itself.
 */
import { type Address, bitLength, printAddress } from '../../net/address.ts';
import {
  containsAddress,
  type InterfaceAddress,
  lastAddress,
  maskAddress,
  networkAddress,
  type Prefix,
  parsePrefix,
  printPrefix,
} from '../../net/prefix.ts';
import { awsInsidePool, awsReservedBlocks } from '../../resources/inside-addresses.ts';
import { type ElementReader, shown } from './read-element.ts';

interface TunnelEnds {
  readonly localOutside: Address | undefined;
  readonly peerOutside: Address;
  readonly localInside: InterfaceAddress;
  readonly peerInside: Address;
}

const insidePools = [awsInsidePool, known('fd00::/8')];

const outside = 'tunnel_outside_address/ip_address';
const inside = 'tunnel_inside_address';

export function readTunnelEnds(read: ElementReader): TunnelEnds | undefined {
  const localOutside = readLocalOutside(read);
  const peerOutside = read.requiredAddress(`vpn_gateway/${outside}`, 'the outside address of the gateway');
  const localInside = readInside(read, 'customer_gateway');
  const peerInside = readInside(read, 'vpn_gateway');
  if (peerOutside === undefined || localInside === undefined || peerInside === undefined) return undefined;
  const subnet = maskAddress(localInside.address, localInside.length);
  const here = `vpn_gateway/${inside}/ip_address`;
  const theirs = printAddress(peerInside.address);
  if (!containsAddress(subnet, peerInside.address)) {
    read.complain(here, `${theirs} is not in ${printPrefix(subnet)}, the subnet of the customer's end`);
    return undefined;
  }
  if (peerInside.address.bits === localInside.address.bits) {
    read.complain(here, `${theirs} is the customer's end too`);
    return undefined;
  }
  return { localOutside, peerOutside, localInside, peerInside: peerInside.address };
}

/** A customer gateway with a certificate needs no address, and 0.0.0.0 is none. */
function readLocalOutside(read: ElementReader): Address | undefined {
  const path = `customer_gateway/${outside}`;
  const address = read.text(path) ? read.requiredAddress(path, 'where AWS sees this router') : undefined;
  return address?.bits === 0n ? undefined : address;
}

function readInside(read: ElementReader, end: 'customer_gateway' | 'vpn_gateway'): InterfaceAddress | undefined {
  const path = `${end}/${inside}`;
  const address = read.requiredAddress(`${path}/ip_address`, 'the inside address of this end');
  const length = read.integer(`${path}/network_cidr`, 1, 128);
  if (address === undefined) return undefined;
  const wanted = bitLength(address.family) - 2;
  // The mask says the same once more, so either may be missing.
  const masked = lengthOfMask(read, `${path}/network_mask`);
  const said = length ?? masked ?? wanted;
  if (length !== undefined && masked !== undefined && length !== masked) {
    read.complain(`${path}/network_mask`, `is /${masked}, and network_cidr /${length}`);
  } else if (said !== wanted) {
    read.complain(`${path}/network_cidr`, `/${said} is no tunnel of AWS: inside it has /${wanted}`);
  } else if (isInsideAddress(read, `${path}/ip_address`, address, said)) {
    return { address, length: said };
  }
  return undefined;
}

function isInsideAddress(read: ElementReader, path: string, address: Address, length: number): boolean {
  const text = printAddress(address);
  const subnet = maskAddress(address, length);
  if (!insidePools.some((pool) => containsAddress(pool, address))) {
    read.complain(path, `${text} is neither in 169.254.0.0/16 nor in fd00::/8, from which AWS takes inside addresses`);
    return false;
  }
  const taken = awsReservedBlocks.find((prefix) => containsAddress(prefix, address));
  if (taken !== undefined) {
    read.complain(path, `${text} is in ${printPrefix(taken)}, which AWS keeps for itself`);
    return false;
  }
  const isEdge = [networkAddress(subnet).bits, lastAddress(subnet).bits].includes(address.bits);
  if (isEdge && address.family === 4) read.complain(path, `${text} is no host of ${printPrefix(subnet)}`);
  return !isEdge || address.family === 6;
}

/** Bits of a dotted mask; undefined where there is none, with a problem where it is none. */
function lengthOfMask(read: ElementReader, path: string): number | undefined {
  const text = read.text(path);
  if (text === undefined) return undefined;
  const mask = text.split('.').map(Number);
  const bits = mask.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  if (mask.length === 4 && /^1*0*$/.test(bits) && bits.length === 32)
    return bits.indexOf('0') < 0 ? 32 : bits.indexOf('0');
  // Of an IPv6 tunnel the mask is written otherwise; its length says all.
  if (!text.includes(':')) read.complain(path, `${shown(text)} is no network mask`);
  return undefined;
}

function known(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`no prefix: ${text}`);
  return prefix;
}
