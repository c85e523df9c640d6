/**
 * Whether a packet meets a rule: Calico's boolean composition, term by term (semantics §3.3).
 *
 *   RuleIntent + Packet ─[matchesRule]→ yes or no
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

type Sets = Pick<PolicyIntent, 'addressSets' | 'portSets'>;

export function matchesRule(sets: Sets, rule: RuleIntent, packet: Packet): boolean {
  return (
    rule.families.includes(packet.source.family) &&
    (rule.protocol === undefined || packet.protocol === rule.protocol) &&
    (rule.notProtocol === undefined || packet.protocol !== rule.notProtocol) &&
    (rule.icmp === undefined || matchesIcmp(rule.icmp, packet)) &&
    // NOT (type and code together), as iptables does it; a packet that is no ICMP is not of that type either.
    (rule.notIcmp === undefined || !matchesIcmp(rule.notIcmp, packet)) &&
    matchesSide(sets, rule.source, packet.source, packet.protocol, packet.sourcePort) &&
    matchesSide(sets, rule.destination, packet.destination, packet.protocol, packet.destinationPort)
  );
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

function matchesSide(
  sets: Sets,
  side: SideMatch,
  address: Address,
  protocol: number,
  port: number | undefined,
): boolean {
  return (
    (side.nets === undefined || isInAny(side.nets, address)) &&
    (side.notNets === undefined || !isInAny(side.notNets, address)) &&
    (side.addressSet === undefined || isInAddressSet(addressSet(sets, side.addressSet), address)) &&
    (side.notAddressSet === undefined || !isInAddressSet(addressSet(sets, side.notAddressSet), address)) &&
    (side.ports === undefined || matchesPort(sets, side.ports, address, protocol, port)) &&
    (side.notPorts === undefined || !matchesPort(sets, side.notPorts, address, protocol, port))
  );
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
    match.portSets.some((id) => isInPortSet(portSet(sets, id), address, protocol, port))
  );
}

function isInAny(prefixes: readonly Prefix[], address: Address): boolean {
  return prefixes.some((prefix) => containsAddress(prefix, address));
}

function addressSet(sets: Sets, id: SetId): AddressSet {
  const set = sets.addressSets.get(id);
  if (!set) throw new Error(`the intent names address set ${id} but does not hold it`);
  return set;
}

function portSet(sets: Sets, id: SetId): PortSet {
  const set = sets.portSets.get(id);
  if (!set) throw new Error(`the intent names port set ${id} but does not hold it`);
  return set;
}
