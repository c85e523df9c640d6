/**
 * What a rule asks of a packet, in words.
 *
 *   RuleIntent ─[printTerms]→ `tcp, source app == "web", destination port 443`
 *
 * Invariant: the terms of findMiss in its order; long lists are cut, with how many more there are.
 */
import type { IcmpMatch, PortMatch, RuleIntent, SideMatch } from '../intent/policy/policy-intent.ts';
import { printProtocol } from '../net/ip-protocol.ts';
import { printPortRange } from '../net/port-range.ts';
import { printPrefix } from '../net/prefix.ts';
import { findAddressSet, findPortSet, type Sets } from './match-rule.ts';

/** So many entries of a list are named. */
const mostNamed = 4;

/** `any` for a rule that every packet meets. */
export function printTerms(sets: Sets, rule: RuleIntent): string {
  const { families, protocol, notProtocol, icmp, notIcmp, source, destination } = rule;
  const terms = [
    ...(families.length === 1 ? [`IPv${families[0]}`] : []),
    ...(protocol === undefined ? [] : [printProtocol(protocol)]),
    ...(notProtocol === undefined ? [] : [`not ${printProtocol(notProtocol)}`]),
    ...(icmp === undefined ? [] : [printIcmp(icmp)]),
    ...(notIcmp === undefined ? [] : [`not ${printIcmp(notIcmp)}`]),
    ...sideTerms(sets, source).map((term) => `source ${term}`),
    ...sideTerms(sets, destination).map((term) => `destination ${term}`),
  ];
  return terms.length === 0 ? 'any' : terms.join(', ');
}

function sideTerms(sets: Sets, { nets, notNets, addressSet, notAddressSet, ports, notPorts }: SideMatch): string[] {
  return [
    ...(nets === undefined ? [] : [printList(nets.map(printPrefix))]),
    ...(notNets === undefined ? [] : [`not ${printList(notNets.map(printPrefix))}`]),
    ...(addressSet === undefined ? [] : [findAddressSet(sets, addressSet).selector]),
    ...(notAddressSet === undefined ? [] : [`not ${findAddressSet(sets, notAddressSet).selector}`]),
    ...(ports === undefined ? [] : [`port ${printPorts(sets, ports)}`]),
    ...(notPorts === undefined ? [] : [`port not ${printPorts(sets, notPorts)}`]),
  ];
}

export function printIcmp({ type, code }: IcmpMatch): string {
  return `ICMP${type === undefined ? '' : ` type ${type}`}${code === undefined ? '' : ` code ${code}`}`;
}

export function printPorts(sets: Sets, { ranges, portSets }: PortMatch): string {
  return printList([...ranges.map(printPortRange), ...portSets.map((id) => findPortSet(sets, id).selector)]);
}

export function printList(items: readonly string[], separator = ', '): string {
  const more = items.length > mostNamed ? ` and ${items.length - mostNamed} more` : '';
  return `${items.slice(0, mostNamed).join(separator)}${more}`;
}
