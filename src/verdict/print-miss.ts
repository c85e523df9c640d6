/**
 * Why a rule did not match, in words a policy's author uses.
 *
 *   Miss + RuleIntent + Packet ─[printMiss]→ `destination port 443 is not 80`
 *
 * Invariant: names the packet's value and what the rule wanted; long lists are cut, with how many more there are.
 */
import { mentionedKeys } from '../intent/labels/requirement.ts';
import type { RuleIntent, SideMatch } from '../intent/policy/policy-intent.ts';
import { type Address, printAddress } from '../net/address.ts';
import { printProtocol } from '../net/ip-protocol.ts';
import { containsAddress, type Prefix, printPrefix } from '../net/prefix.ts';
import { parseSelector } from '../resources/selector/parse.ts';
import { findAddressSet, isIcmp, type Miss, type Sets } from './match-rule.ts';
import type { Packet } from './packet.ts';
import type { AddressOwner } from './packet-ends.ts';
import { printIcmp, printList, printPorts } from './print-terms.ts';

/** Who owns an address; undefined where nobody can tell. */
export type FindOwners = (address: Address) => readonly AddressOwner[] | undefined;

export function printMiss(sets: Sets, rule: RuleIntent, packet: Packet, miss: Miss, findOwners: FindOwners): string {
  switch (miss.term) {
    case 'families':
      return `the rule can match IPv${rule.families.join(' and IPv')} only`;
    case 'protocol':
      return `protocol ${printProtocol(packet.protocol)} is not ${printProtocol(rule.protocol ?? 0)}`;
    case 'notProtocol':
      return `protocol ${printProtocol(packet.protocol)} is excluded`;
    case 'icmp':
      return `${printIcmpOf(packet)} is not ${printIcmp(rule.icmp ?? {})}`;
    case 'notIcmp':
      return `${printIcmpOf(packet)} is excluded`;
    case 'nets':
    case 'notNets':
    case 'addressSet':
    case 'notAddressSet':
      return `${miss.side} ${printAddressMiss(sets, rule[miss.side], packet[miss.side], miss.term, findOwners)}`;
    case 'ports':
    case 'notPorts': {
      const port = miss.side === 'source' ? packet.sourcePort : packet.destinationPort;
      if (port === undefined) return `protocol ${printProtocol(packet.protocol)} has no ports`;
      const match = rule[miss.side][miss.term];
      const listed = match ? printPorts(sets, match) : '';
      return `${miss.side} port ${port} is ${miss.term === 'ports' ? `not ${listed}` : `excluded by ${listed}`}`;
    }
  }
}

function printAddressMiss(
  sets: Sets,
  side: SideMatch,
  address: Address,
  term: 'nets' | 'notNets' | 'addressSet' | 'notAddressSet',
  findOwners: FindOwners,
): string {
  const text = printAddress(address);
  switch (term) {
    case 'nets':
      return `${text} is not in ${printList((side.nets ?? []).map(printPrefix))}`;
    case 'notNets':
      return `${text} is in excluded ${printList(holding(side.notNets ?? [], address))}`;
    case 'addressSet': {
      const { selector } = findAddressSet(sets, side.addressSet ?? '');
      return `${text}${printOwners(selector, findOwners(address))} is not ${selector}`;
    }
    case 'notAddressSet': {
      const { selector } = findAddressSet(sets, side.notAddressSet ?? '');
      return `${text}${printOwners(selector, findOwners(address))} is excluded by ${selector}`;
    }
  }
}

function holding(prefixes: readonly Prefix[], address: Address): readonly string[] {
  return prefixes.filter((prefix) => containsAddress(prefix, address)).map(printPrefix);
}

/** The owners with the labels that the selector asks about. */
function printOwners(selector: string, owners: readonly AddressOwner[] | undefined): string {
  if (owners === undefined) return '';
  if (owners.length === 0) return ' (nothing known has this address)';
  const parsed = parseSelector(selector);
  const keys = parsed.ok ? [...mentionedKeys(parsed.value)] : [];
  const described = owners.map(({ id, labels }) => {
    const asked = keys.map((key) => (labels[key] === undefined ? `no label ${key}` : `${key}=${labels[key]}`));
    return asked.length === 0 ? id : `${id}: ${printList(asked)}`;
  });
  return ` (${printList(described, '; ')})`;
}

function printIcmpOf(packet: Packet): string {
  if (!isIcmp(packet)) return `protocol ${printProtocol(packet.protocol)}`;
  return printIcmp({ type: packet.icmpType ?? 0, code: packet.icmpCode ?? 0 });
}
