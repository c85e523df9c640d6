/**
 * One rule for one family as a union of boxes, under conditions that no box can say.
 *
 *   RuleIntent ─[expandRule]→ Variant[] → blocks
 *
 * Invariant: a packet matches the rule exactly if its addresses are in the rule's selectors and, for some variant, it is in
 * one of the boxes and some alternative holds in full (semantics §3.3). A box limits ports only where its protocols have them.
 */
import type { PortMatch, RuleIntent, SetId, SideMatch } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { comparePrefixes, type Prefix } from '../net/prefix.ts';
import {
  anyPort,
  anyProtocol,
  everyAddress,
  intersectSpanLists,
  mergeSpans,
  pruneContained,
  type Span,
  subtractFromSpans,
} from './box.ts';
import type { Match, Side } from './ruleset.ts';
import { addressSetName, portSetFields, portSetName } from './selector-sets.ts';

export interface Variant {
  readonly sources: readonly Prefix[];
  readonly destinations: readonly Prefix[];
  readonly protocols: readonly Span[];
  readonly sourcePorts: readonly Span[];
  readonly destinationPorts: readonly Span[];
  /** Any of these conjunctions; `[[]]` when the boxes say it all. */
  readonly alternatives: readonly (readonly Match[])[];
}

/** Sets that the address of a side must be in. */
export type Selectors = { readonly [S in Side]?: SetId };

/** The protocols with ports where `th` looks for them: TCP, UDP, SCTP, UDPLite. */
export const portProtocols: readonly Span[] = [6, 17, 132, 136].map((n) => ({ first: n, last: n }));

const portlessProtocols = portProtocols.reduce(subtractFromSpans, [anyProtocol] as readonly Span[]);

/** Every packet of the family; shared, since most rules leave most of it as it is. */
const everything: Readonly<Record<Family, Variant>> = { 4: everyPacket(4), 6: everyPacket(6) };

function everyPacket(family: Family): Variant {
  return {
    sources: [everyAddress(family)],
    destinations: [everyAddress(family)],
    protocols: [anyProtocol],
    sourcePorts: [anyPort],
    destinationPorts: [anyPort],
    alternatives: [[]],
  };
}

/** Without the rule's positive selectors: they are dispatched by address, or spelled out by `spellSelectors`. */
export function expandRule(rule: RuleIntent, family: Family): readonly Variant[] {
  if (!rule.families.includes(family)) return [];
  let variants: readonly Variant[] = [everything[family]];
  const refine = (isTerm: boolean, how: (variant: Variant) => readonly Variant[]): void => {
    if (isTerm) variants = variants.flatMap(how);
  };
  const hasProtocol = rule.protocol !== undefined || rule.notProtocol !== undefined;
  refine(hasProtocol, (variant) => refineProtocol(variant, rule));
  refine(rule.icmp !== undefined, (variant) => refineIcmp(variant, rule, family));
  refine(rule.notIcmp !== undefined, (variant) => refineNotIcmp(variant, rule, family));
  for (const name of ['source', 'destination'] as const) {
    const side = rule[name];
    const hasNets = side.nets !== undefined || side.notNets !== undefined;
    refine(hasNets, (variant) => refineNets(variant, side, family, name));
    refine(side.notAddressSet !== undefined, (variant) => [refineNotAddressSet(variant, side, family, name)]);
    refine(side.ports !== undefined, (variant) => refinePorts(variant, side.ports, family, name));
    refine(side.notPorts !== undefined, (variant) => refineNotPorts(variant, side.notPorts, family, name));
  }
  return variants;
}

function withProtocols(variant: Variant, protocols: readonly Span[]): readonly Variant[] {
  return protocols.length === 0 ? [] : [{ ...variant, protocols }];
}

function keepProtocols(variant: Variant, kept: readonly Span[]): readonly Variant[] {
  return withProtocols(variant, intersectSpanLists(variant.protocols, kept));
}

function withMatches(variant: Variant, ...matches: readonly Match[]): Variant {
  return { ...variant, alternatives: variant.alternatives.map((all) => [...all, ...matches]) };
}

function single(value: number): Span {
  return { first: value, last: value };
}

function refineProtocol(variant: Variant, { protocol, notProtocol }: RuleIntent): readonly Variant[] {
  const wanted = protocol === undefined ? variant.protocols : [single(protocol)];
  const kept = notProtocol === undefined ? wanted : subtractFromSpans(wanted, single(notProtocol));
  return withProtocols(variant, kept);
}

function icmpProtocol(family: Family): Span {
  return single(family === 4 ? 1 : 58);
}

function refineIcmp(variant: Variant, { icmp }: RuleIntent, family: Family): readonly Variant[] {
  if (icmp === undefined) return [variant];
  const matches: Match[] = [];
  if (icmp.type !== undefined) matches.push(icmpMatch(family, 'type', false, icmp.type));
  if (icmp.code !== undefined) matches.push(icmpMatch(family, 'code', false, icmp.code));
  return keepProtocols(withMatches(variant, ...matches), [icmpProtocol(family)]);
}

/** NOT (type and code): no ICMP at all, or another type, or that type with another code. */
function refineNotIcmp(variant: Variant, { notIcmp }: RuleIntent, family: Family): readonly Variant[] {
  if (notIcmp === undefined) return [variant];
  const variants = [...withProtocols(variant, subtractFromSpans(variant.protocols, icmpProtocol(family)))];
  const { type, code } = notIcmp;
  const isType = type === undefined ? [] : [icmpMatch(family, 'type', false, type)];
  const isIcmp = [icmpProtocol(family)];
  if (type !== undefined) {
    variants.push(...keepProtocols(withMatches(variant, icmpMatch(family, 'type', true, type)), isIcmp));
  }
  if (code !== undefined) {
    const otherCode = icmpMatch(family, 'code', true, code);
    variants.push(...keepProtocols(withMatches(variant, ...isType, otherCode), isIcmp));
  }
  return variants;
}

function icmpMatch(family: Family, field: 'type' | 'code', negated: boolean, value: number): Match {
  return { kind: 'icmp', family, field, negated, first: value, last: value };
}

function refineNets(variant: Variant, side: SideMatch, family: Family, name: Side): readonly Variant[] {
  let refined = variant;
  if (side.nets !== undefined) {
    const nets = ofFamily(side.nets, family);
    if (nets.length === 0) return [];
    refined = { ...refined, ...(name === 'source' ? { sources: nets } : { destinations: nets }) };
  }
  const notNets = ofFamily(side.notNets ?? [], family);
  if (notNets.length === 0) return [refined];
  if (notNets[0]?.length === 0) return [];
  return [withMatches(refined, { kind: 'address', family, side: name, negated: true, in: { prefixes: notNets } })];
}

function ofFamily(nets: readonly Prefix[], family: Family): readonly Prefix[] {
  return pruneContained(nets.filter((net) => net.family === family).toSorted(comparePrefixes));
}

/** A set's members are in two nft sets, hosts and prefixes: not in it means in neither. */
function refineNotAddressSet(variant: Variant, { notAddressSet }: SideMatch, family: Family, name: Side): Variant {
  if (notAddressSet === undefined) return variant;
  const matches = setKinds.map((holds) => inSet(notAddressSet, family, name, holds, true));
  return withMatches(variant, ...matches);
}

const setKinds = ['hosts', 'prefixes'] as const;

function inSet(id: SetId, family: Family, side: Side, holds: 'hosts' | 'prefixes', negated: boolean): Match {
  return { kind: 'address', family, side, negated, in: { set: addressSetName(id, family, holds) } };
}

/** The rule's positive selectors as matches of the variant: in a set means in either of its two nft sets. */
export function spellSelectors(variant: Variant, selectors: Selectors): Variant {
  const family = variant.sources[0]?.family ?? 4;
  let { alternatives } = variant;
  for (const side of ['source', 'destination'] as const) {
    const id = selectors[side];
    if (id === undefined) continue;
    const before = alternatives;
    alternatives = setKinds.flatMap((holds) => before.map((all) => [...all, inSet(id, family, side, holds, false)]));
  }
  return alternatives === variant.alternatives ? variant : { ...variant, alternatives };
}

export function selectorsOf({ source, destination }: RuleIntent): Selectors {
  return {
    ...(source.addressSet === undefined ? {} : { source: source.addressSet }),
    ...(destination.addressSet === undefined ? {} : { destination: destination.addressSet }),
  };
}

function refinePorts(variant: Variant, ports: PortMatch | undefined, family: Family, side: Side): readonly Variant[] {
  if (ports === undefined) return [variant];
  return keepProtocols(variant, portProtocols).flatMap((refined) => [
    ...limitPorts(refined, side, ports.ranges),
    ...ports.portSets.map((id) => withMatches(refined, portSetMatch(id, family, side, false))),
  ]);
}

/** A packet without ports has none of the excluded ones. */
function refineNotPorts(
  variant: Variant,
  notPorts: PortMatch | undefined,
  family: Family,
  side: Side,
): readonly Variant[] {
  if (notPorts === undefined) return [variant];
  const excluded = notPorts.portSets.map((id) => portSetMatch(id, family, side, true));
  const allowed = mergeSpans(notPorts.ranges).reduce(subtractFromSpans, [anyPort] as readonly Span[]);
  return [
    ...keepProtocols(variant, portlessProtocols),
    ...keepProtocols(withMatches(variant, ...excluded), portProtocols).flatMap((refined) =>
      limitPorts(refined, side, allowed),
    ),
  ];
}

function limitPorts(variant: Variant, side: Side, ranges: readonly Span[]): readonly Variant[] {
  const field = side === 'source' ? 'sourcePorts' : 'destinationPorts';
  const kept = mergeSpans(intersectSpanLists(variant[field], ranges));
  return kept.length === 0 ? [] : [{ ...variant, [field]: kept }];
}

function portSetMatch(id: string, family: Family, side: Side, negated: boolean): Match {
  return { kind: 'tuple', fields: portSetFields(family, side), negated, set: portSetName(id, family) };
}
