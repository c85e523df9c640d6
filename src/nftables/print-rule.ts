/**
 * One rule as one line of nft text.
 *
 * Invariant: a rule of the tree is exactly one rule in the kernel, so that positions can be compared.
 */
import { printAddress } from '../net/address.ts';
import { type PortRange, printPortRange } from '../net/port-range.ts';
import { isHost, networkAddress, type Prefix, printPrefix } from '../net/prefix.ts';
import { mergeSpans } from './box.ts';
import { quoteInterface, quoteInterfacePrefix } from './names.ts';
import type { AddressMatch, Field, Match, Outcome, Rule, Side, Statement, Verdict } from './ruleset.ts';

export function printRule(rule: Rule): string {
  const words = [...rule.matches.map(printMatch), ...rule.statements.map(printStatement)];
  if (rule.outcome) words.push(printOutcome(rule.outcome));
  if (rule.comment !== undefined) words.push(`comment "${rule.comment}"`);
  return words.join(' ');
}

export function printVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return verdict.kind;
    case 'jump':
    case 'goto':
      return `${verdict.kind} ${verdict.chain}`;
  }
}

/** The expression that reads the field from a packet. */
export function printField(field: Field): string {
  switch (field.kind) {
    case 'address':
      return `${field.family === 4 ? 'ip' : 'ip6'} ${field.side === 'source' ? 'saddr' : 'daddr'}`;
    case 'protocol':
      return 'meta l4proto';
    case 'port':
      return printPortField(field.side);
    case 'interface':
      return field.side === 'in' ? 'iifname' : 'oifname';
    case 'class':
      return 'meta priority';
  }
}

function printPortField(side: Side): string {
  return side === 'source' ? 'th sport' : 'th dport';
}

function printMatch(match: Match): string {
  switch (match.kind) {
    case 'family':
      return `meta nfproto ${match.family === 4 ? 'ipv4' : 'ipv6'}`;
    case 'address':
      return printAddressMatch(match);
    case 'protocol': {
      const ranges = mergeSpans(match.protocols.map((number) => ({ first: number, last: number })));
      return `meta l4proto ${not(match.negated)}${printList(ranges.map(printPortRange))}`;
    }
    case 'port':
      return `${printPortField(match.side)} ${not(match.negated)}${printRanges(match.ranges)}`;
    case 'icmp': {
      const field = `${match.family === 4 ? 'icmp' : 'icmpv6'} ${match.field}`;
      return `${field} ${not(match.negated)}${printPortRange(match)}`;
    }
    case 'interface': {
      const field = match.side === 'in' ? 'iifname' : 'oifname';
      return `${field} ${not(match.negated)}${printList(match.names.map(quoteInterface))}`;
    }
    case 'interface-prefix':
      return `${match.side === 'in' ? 'iifname' : 'oifname'} ${quoteInterfacePrefix(match.prefix)}`;
    case 'ct-state':
      return `ct state ${match.states.join(',')}`;
    case 'ct-dnat':
      // A packet without a flow meets neither.
      return match.isSet ? 'ct status & dnat == dnat' : 'ct status & dnat != dnat';
    case 'mark':
      return `meta mark & ${hex(match.mask)} ${match.isSet ? '!=' : '=='} 0`;
    case 'tcp-syn':
      return 'tcp flags syn / syn,rst';
    case 'segment-size-above':
      return `tcp option maxseg size > ${match.size}`;
    case 'tuple':
      return `${match.fields.map(printField).join(' . ')} ${not(match.negated)}@${match.set}`;
  }
}

function printAddressMatch(match: AddressMatch): string {
  const field = printField({ kind: 'address', family: match.family, side: match.side });
  const operand = 'set' in match.in ? `@${match.in.set}` : printList(match.in.prefixes.map(printOperandPrefix));
  return `${field} ${not(match.negated)}${operand}`;
}

function printOperandPrefix(prefix: Prefix): string {
  return isHost(prefix) ? printAddress(networkAddress(prefix)) : printPrefix(prefix);
}

function printRanges(ranges: readonly PortRange[]): string {
  return printList(mergeSpans(ranges).map(printPortRange));
}

function printList(items: readonly string[]): string {
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : `{ ${items.join(', ')} }`;
}

function not(negated: boolean): string {
  return negated ? '!= ' : '';
}

function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'counter':
    case 'notrack':
      return statement.kind;
    case 'tell-end-only':
      return 'ct event set destroy';
    case 'segment-size':
      return `tcp option maxseg size set ${statement.size}`;
    case 'log':
      return `log prefix "${statement.prefix}" group ${statement.group} snaplen ${statement.snaplen}`;
    case 'limit':
      return `limit rate ${statement.count}/${statement.per} burst ${statement.burst} packets`;
    case 'mark':
      return `meta mark set ${printMarkChange(statement.clear, statement.set)}`;
    case 'class':
      return `meta priority set ${printField({ ...statement, kind: 'address' })} map @${statement.map}`;
    case 'no-class':
      // As nft lists it: 0.
      return 'meta priority set none';
  }
}

function printMarkChange(clear: number, set: number): string {
  const kept = clear === 0 ? 'meta mark' : `meta mark & ${hex((~clear >>> 0) & ~set)}`;
  return set === 0 ? kept : `${kept} | ${hex(set)}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
}

function printOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'reject':
      return 'reject';
    case 'lookup':
      return `${outcome.fields.map(printField).join(' . ')} vmap @${outcome.map}`;
    case 'ct-state-lookup': {
      const entries = outcome.verdicts.map(([state, verdict]) => `${state} : ${printVerdict(verdict)}`);
      return `ct state vmap { ${entries.join(', ')} }`;
    }
    case 'accept':
    case 'drop':
    case 'return':
    case 'jump':
    case 'goto':
      return printVerdict(outcome);
  }
}
