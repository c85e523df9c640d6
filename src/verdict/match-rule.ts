/**
 * Whether a packet meets a rule: Calico's boolean composition, term by term (semantics §3.3).
 *
 *   RuleIntent + Packet ─[findMiss]→ the first term that fails, or undefined: the rule matches
 *
 * Invariant: fields are joined by AND, the entries of one field by OR; a term that is absent is true.
 */

import type {
  AddressSet,
  IcmpMatch,
  PolicyIntent,
  PortMatch,
  PortSet,
  RuleIntent,
  SetId,
  SideMatch,
} from '../intent/policy/policy-intent.ts';
import type { Address } from '../net/address.ts';
import { hasPorts } from '../net/ip-protocol.ts';
import { containsPort } from '../net/port-range.ts';
import { containsAddress, type Prefix } from '../net/prefix.ts';
import type { Packet } from './packet.ts';
import { isInAddressSet, isInPortSet } from './set-membership.ts';

export type Sets = Pick<PolicyIntent, 'addressSets' | 'portSets'>;

/** A term of a rule that a packet does not meet. */
export type Miss =
  | { readonly term: 'families' | 'protocol' | 'notProtocol' | 'icmp' | 'notIcmp' }
  | { readonly term: SideTerm; readonly side: 'source' | 'destination' };

export type SideTerm = 'nets' | 'notNets' | 'addressSet' | 'notAddressSet' | 'ports' | 'notPorts';

export function matchesRule(sets: Sets, rule: RuleIntent, packet: Packet): boolean {
  return findMiss(sets, rule, packet) === undefined;
}

/** The first term that fails, in the order of semantics §3.3; undefined where the rule matches. */
export function findMiss(sets: Sets, rule: RuleIntent, packet: Packet): Miss | undefined {
  if (!rule.families.includes(packet.source.family)) return { term: 'families' };
  if (rule.protocol !== undefined && packet.protocol !== rule.protocol) return { term: 'protocol' };
  if (rule.notProtocol !== undefined && packet.protocol === rule.notProtocol) return { term: 'notProtocol' };
  if (rule.icmp !== undefined && !matchesIcmp(rule.icmp, packet)) return { term: 'icmp' };
  // NOT (type and code together), as iptables does it; a packet that is no ICMP is not of that type either.
  if (rule.notIcmp !== undefined && matchesIcmp(rule.notIcmp, packet)) return { term: 'notIcmp' };
  return findSideMiss(sets, rule, packet, 'source') ?? findSideMiss(sets, rule, packet, 'destination');
}

/**
 * Whether the ports alone say that the rule does not match; false where other terms have to be asked. Nine of ten rules of a long
 * policy fail on their port, and no other term is as quick to ask.
 */
export function failsOnPorts(rule: RuleIntent, packet: Packet): boolean {
  if (rule.protocol !== undefined && packet.protocol !== rule.protocol) return true;
  return isOutside(rule.destination.ports, packet.destinationPort) || isOutside(rule.source.ports, packet.sourcePort);
}

function isOutside(match: PortMatch | undefined, port: number | undefined): boolean {
  if (match === undefined || match.portSets.length > 0) return false;
  return port === undefined || !match.ranges.some((range) => containsPort(range, port));
}

function findSideMiss(sets: Sets, rule: RuleIntent, packet: Packet, side: 'source' | 'destination'): Miss | undefined {
  const port = side === 'source' ? packet.sourcePort : packet.destinationPort;
  const term = failedTerm(sets, rule[side], packet[side], packet.protocol, port);
  return term && { term, side };
}

/** ICMP of the packet's own family: protocol 1 in IPv4, 58 in IPv6. */
export function isIcmp(packet: Packet): boolean {
  return packet.protocol === (packet.source.family === 4 ? 1 : 58);
}

function matchesIcmp(match: IcmpMatch, packet: Packet): boolean {
  return (
    isIcmp(packet) &&
    (match.type === undefined || packet.icmpType === match.type) &&
    (match.code === undefined || packet.icmpCode === match.code)
  );
}

function failedTerm(
  sets: Sets,
  side: SideMatch,
  address: Address,
  protocol: number,
  port: number | undefined,
): SideTerm | undefined {
  const { nets, notNets, addressSet, notAddressSet, ports, notPorts } = side;
  if (nets !== undefined && !isInAny(nets, address)) return 'nets';
  if (notNets !== undefined && isInAny(notNets, address)) return 'notNets';
  if (addressSet !== undefined && !isInAddressSet(findAddressSet(sets, addressSet), address)) return 'addressSet';
  if (notAddressSet !== undefined && isInAddressSet(findAddressSet(sets, notAddressSet), address))
    return 'notAddressSet';
  if (ports !== undefined && !matchesPort(sets, ports, address, protocol, port)) return 'ports';
  if (notPorts !== undefined && matchesPort(sets, notPorts, address, protocol, port)) return 'notPorts';
  return undefined;
}

function matchesPort(
  sets: Sets,
  match: PortMatch,
  address: Address,
  protocol: number,
  port: number | undefined,
): boolean {
  if (port === undefined || !hasPorts(protocol)) return false;
  return (
    match.ranges.some((range) => containsPort(range, port)) ||
    match.portSets.some((id) => isInPortSet(findPortSet(sets, id), address, protocol, port))
  );
}

function isInAny(prefixes: readonly Prefix[], address: Address): boolean {
  return prefixes.some((prefix) => containsAddress(prefix, address));
}

export function findAddressSet(sets: Sets, id: SetId): AddressSet {
  const set = sets.addressSets.get(id);
  if (!set) throw new Error(`the intent names address set ${id} but does not hold it`);
  return set;
}

export function findPortSet(sets: Sets, id: SetId): PortSet {
  const set = sets.portSets.get(id);
  if (!set) throw new Error(`the intent names port set ${id} but does not hold it`);
  return set;
}
