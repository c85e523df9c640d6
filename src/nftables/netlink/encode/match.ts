/**
 * One match of a rule as expressions.
 *
 *   Match ─[writeMatch]→ what it demands, a register read, its comparison
 *
 * Invariant: as nft compiles the printed match, so that nft lists it as it was printed.
 */
import { bitLength } from '../../../net/address.ts';
import { networkAddress, type Prefix } from '../../../net/prefix.ts';
import { mergeSpans, type Span } from '../../box.ts';
import type { AddressMatch, Field, Match } from '../../ruleset.ts';
import { type AnonymousSet, protocolSpans } from './anonymous-sets.ts';
import type { ExpressionWriter } from './expressions.ts';
import { formOf } from './fields.ts';
import { addressBytes, nameBytes } from './keys.ts';
import {
  comparisons,
  conntrackKeys,
  conntrackStates,
  destinationNat,
  lookupInverted,
  maxSegmentOption,
  metaKeys,
  outsideRange,
  payloadBases,
  tcpFlags,
} from './numbers.ts';
import type { RuleContext } from './rule-context.ts';
import { hostOrder, numberBytes } from './words.ts';

/** @param set what the match looks in, where its values are too many for a comparison. */
export function writeMatch(
  expressions: ExpressionWriter,
  context: RuleContext,
  match: Match,
  set: AnonymousSet | undefined,
): void {
  switch (match.kind) {
    case 'family':
      context.compareFamily(match.family);
      return;
    case 'address':
      writeAddressMatch(expressions, context, match, set);
      return;
    case 'protocol': {
      const spans = protocolSpans(match.protocols);
      writeSpans(expressions, { kind: 'protocol' }, spans, match.negated, set);
      const [only] = spans;
      if (!match.negated && spans.length === 1 && only?.first === only?.last && only) context.knowProtocol(only.first);
      return;
    }
    case 'port':
      writeSpans(expressions, { kind: 'port', side: match.side }, mergeSpans(match.ranges), match.negated, set);
      return;
    case 'icmp':
      context.demandIcmp(match.family);
      expressions.payload(payloadBases.transport, match.field === 'type' ? 0 : 1, 1);
      compareSpan(expressions, match, 1, match.negated);
      return;
    case 'interface': {
      const [only] = match.names;
      expressions.load([{ kind: 'interface', side: match.side }]);
      if (set) writeLookup(expressions, set, match.negated);
      else if (only !== undefined) expressions.compare(equality(match.negated), nameBytes(only));
      return;
    }
    case 'interface-prefix':
      expressions.load([{ kind: 'interface', side: match.side }]);
      expressions.compare(comparisons.equal, nameBytes(match.prefix).subarray(0, match.prefix.length));
      return;
    case 'ct-state': {
      const bits = match.states.reduce((sum, state) => sum | conntrackStates[state], 0);
      expressions.conntrack(conntrackKeys.state);
      expressions.bitwise(hostOrder(bits), hostOrder(0));
      expressions.compare(comparisons.unequal, hostOrder(0));
      return;
    }
    case 'ct-dnat':
      expressions.conntrack(conntrackKeys.status);
      expressions.bitwise(hostOrder(destinationNat), hostOrder(0));
      expressions.compare(equality(!match.isSet), hostOrder(destinationNat));
      return;
    case 'mark':
      expressions.meta(metaKeys.mark);
      expressions.bitwise(hostOrder(match.mask), hostOrder(0));
      expressions.compare(equality(match.isSet), hostOrder(0));
      return;
    case 'tcp-syn':
      context.demandTcp();
      expressions.payload(payloadBases.transport, tcpFlags.offset, 1);
      expressions.bitwise(Uint8Array.of(tcpFlags.syn | tcpFlags.rst), Uint8Array.of(0));
      expressions.compare(comparisons.equal, Uint8Array.of(tcpFlags.syn));
      return;
    case 'segment-size-above':
      expressions.tcpOption(maxSegmentOption);
      expressions.compare(comparisons.above, numberBytes(match.size, maxSegmentOption.bytes));
      return;
    case 'tuple':
      context.demandFamilies(match.fields);
      expressions.load(match.fields);
      expressions.lookup(match.set, undefined, 'nothing', match.negated ? lookupInverted : 0);
  }
}

function writeAddressMatch(
  expressions: ExpressionWriter,
  context: RuleContext,
  match: AddressMatch,
  set: AnonymousSet | undefined,
): void {
  const field: Field = { kind: 'address', family: match.family, side: match.side };
  context.demandFamilies([field]);
  const [only] = 'prefixes' in match.in ? match.in.prefixes : [];
  if (!set && only) {
    comparePrefix(expressions, field, only, match.negated);
    return;
  }
  expressions.load([field]);
  if ('set' in match.in) expressions.lookup(match.in.set, undefined, 'nothing', match.negated ? lookupInverted : 0);
  else if (set) writeLookup(expressions, set, match.negated);
}

/** A prefix that ends with a byte is compared in its bytes alone. */
function comparePrefix(expressions: ExpressionWriter, field: Field, prefix: Prefix, negated: boolean): void {
  const address = addressBytes(networkAddress(prefix));
  const { source } = formOf(field);
  if (source.kind !== 'payload') throw new Error('an address that is not read from the packet');
  const isWholeBytes = prefix.length % 8 === 0 && prefix.length > 0;
  const compared = isWholeBytes ? address.subarray(0, prefix.length / 8) : address;
  expressions.payload(source.base, source.offset, compared.length);
  if (!isWholeBytes) {
    const mask = (1n << BigInt(bitLength(prefix.family))) - (1n << BigInt(bitLength(prefix.family) - prefix.length));
    expressions.bitwise(addressBytes({ family: prefix.family, bits: mask }), new Uint8Array(address.length));
  }
  expressions.compare(equality(negated), compared);
}

function writeSpans(
  expressions: ExpressionWriter,
  field: Field,
  spans: readonly Span[],
  negated: boolean,
  set: AnonymousSet | undefined,
): void {
  expressions.load([field]);
  const [only] = spans;
  if (set) writeLookup(expressions, set, negated);
  else if (only) compareSpan(expressions, only, formOf(field).bytes, negated);
}

function compareSpan(expressions: ExpressionWriter, { first, last }: Span, bytes: number, negated: boolean): void {
  if (first === last) expressions.compare(equality(negated), numberBytes(first, bytes));
  else if (negated) expressions.range(outsideRange, numberBytes(first, bytes), numberBytes(last, bytes));
  else {
    expressions.compare(comparisons.atLeast, numberBytes(first, bytes));
    expressions.compare(comparisons.atMost, numberBytes(last, bytes));
  }
}

function writeLookup(expressions: ExpressionWriter, set: AnonymousSet, negated: boolean): void {
  expressions.lookup(set.name, set.id, 'nothing', negated ? lookupInverted : 0);
}

function equality(negated: boolean): number {
  return negated ? comparisons.unequal : comparisons.equal;
}
