/**
 * One side of a rule: what Calico's EntityRule demands of the source or the destination (semantics §3.2, §3.3).
 *
 *   EntityRule ─[resolve-side]→ SideMatch
 *
 * Invariant: a term that cannot be resolved is reported as unknown and left out of the match; the caller makes of it what
 * narrows access: a Deny goes without the term, any other rule is left out.
 */
import type { Family } from '../../net/address.ts';
import { hasPorts } from '../../net/ip-protocol.ts';
import { type PortRange, parsePortRange } from '../../net/port-range.ts';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import type { FieldPath } from '../../resources/resource.ts';
import { type EntityRule, serviceConflicts } from '../../resources/rule.ts';
import { parseSelector } from '../../resources/selector/parse.ts';
import { conjoin } from '../../resources/selector/rewrite.ts';
import type { Selector, SelectorError } from '../../resources/selector/selector.ts';
import type { PortMatch, SideMatch } from './policy-intent.ts';
import { entitySelector } from './policy-selector.ts';
import type { UsedSets } from './used-sets.ts';

/** A term of a rule that nobody can evaluate here. */
export interface UnknownTerm {
  readonly code: string;
  readonly path: FieldPath;
  /** What it is, as the beginning of a sentence. */
  readonly what: string;
}

export interface SideContext {
  readonly sets: UsedSets;
  /** Of the rule: the protocol a named port must have; undefined takes each port's own. */
  readonly protocol: number | undefined;
  /**
   * Calico makes one set of selector and notSelector, owner by owner: of an address with two owners, one that both fit and
   * one that only the selector does, it stays in. Two tests, as a reader expects, would shun it (semantics §3.3).
   */
  readonly foldsNotSelector: boolean;
  /** Every Service of which something is known, by `namespace/name`. */
  readonly services: Pick<ReadonlySet<string>, 'has'>;
  /** Of the rule's resource: where a Service without a namespace is. */
  readonly namespace: string | undefined;
  readonly path: FieldPath;
  readonly unknown: UnknownTerm[];
}

export interface ResolvedSide {
  readonly match: SideMatch;
  /** Families for which the side can match; narrowed by lists of nets only. */
  readonly families: readonly Family[];
}

/** The match of one side; an absent side matches everything. */
export function resolveSide(
  side: 'source' | 'destination',
  entity: EntityRule | undefined,
  context: SideContext,
): ResolvedSide {
  if (!entity) return { match: {}, families: [4, 6] };
  const { sets } = context;
  const nets = resolveNets(entity.nets, 'nets', context);
  const notNets = resolveNets(entity.notNets, 'notNets', context);
  const selected = resolveSelector(() => entitySelector(entity), 'selector', context);
  const shunned = resolveSelector(() => notSelector(entity), 'notSelector', context);
  const isFolded = context.foldsNotSelector && selected !== undefined && shunned !== undefined;
  const positive = isFolded ? conjoin([selected, { kind: 'not', operand: shunned }]) : selected;
  const negative = isFolded ? undefined : shunned;
  const ports = resolvePorts(entity.ports, 'ports', positive, context);
  const notPorts = resolvePorts(entity.notPorts, 'notPorts', positive, context);
  const service = entity.services && resolveService(entity.services, entity, side, context);
  return {
    match: {
      ...(nets && { nets }),
      ...(notNets && { notNets }),
      ...(positive && { addressSet: sets.addressSet(positive) }),
      ...(service !== undefined && side === 'source' && { addressSet: sets.serviceAddresses(service) }),
      ...(negative && { notAddressSet: sets.addressSet(negative) }),
      ...(ports && { ports }),
      ...(service !== undefined &&
        side === 'destination' && { ports: { ranges: [], portSets: [sets.servicePorts(service)] } }),
      ...(notPorts && { notPorts }),
    },
    families: ([4, 6] as const).filter((family) => allows(nets, family) && allowsNot(notNets, family)),
  };
}

/**
 * The Service, `namespace/name`, whose endpoints the side is: their addresses as a source, their addresses with the Service's
 * ports as a destination (semantics §3.2). What validation refuses beside `services` may still come from a store.
 */
function resolveService(
  named: NonNullable<EntityRule['services']>,
  entity: EntityRule,
  side: 'source' | 'destination',
  context: SideContext,
): string | undefined {
  const { name, namespace = context.namespace } = named;
  const path = [...context.path, 'services'];
  const beside = serviceConflicts[side].find((field) => entity[field] !== undefined);
  if (namespace === undefined || beside !== undefined) {
    const what =
      beside === undefined ? `Service ${name} is named without its namespace` : `services stand beside ${beside}`;
    context.unknown.push({ code: 'invalid-services', path, what });
    return undefined;
  }
  const service = `${namespace}/${name}`;
  if (context.services.has(service)) return service;
  const what = `Service ${service} has no EndpointSlice here`;
  context.unknown.push({ code: 'unknown-service', path, what });
  return undefined;
}

/** A list of one family's nets removes the rule for the other family (semantics §3.3). */
function allows(nets: readonly Prefix[] | undefined, family: Family): boolean {
  return nets === undefined || nets.some((net) => net.family === family);
}

/** So does a negated list, and one that excludes every address leaves nothing to match. */
function allowsNot(notNets: readonly Prefix[] | undefined, family: Family): boolean {
  if (!allows(notNets, family)) return false;
  return !notNets?.some((net) => net.family === family && net.length === 0);
}

function resolveNets(
  texts: readonly string[] | undefined,
  field: string,
  context: SideContext,
): readonly Prefix[] | undefined {
  if (!texts || texts.length === 0) return undefined;
  const nets: Prefix[] = [];
  for (const [i, text] of texts.entries()) {
    const net = parseAddressOrCidr(text);
    if (net) nets.push(net);
    else context.unknown.push({ code: 'invalid-net', path: [...context.path, field, i], what: `${text} is no CIDR` });
  }
  return nets.length === texts.length ? nets : undefined;
}

function notSelector(entity: EntityRule): ReturnType<typeof entitySelector> {
  const text = entity.notSelector;
  return text === undefined || text.trim() === '' ? { ok: true, value: undefined } : parseSelector(text);
}

function resolveSelector(
  parse: () => ReturnType<typeof entitySelector>,
  field: string,
  context: SideContext,
): Selector | undefined {
  const parsed = parse();
  if (parsed.ok) return parsed.value;
  context.unknown.push({ code: 'invalid-selector', path: [...context.path, field], what: describeError(parsed.error) });
  return undefined;
}

export function describeError(error: SelectorError): string {
  return `the selector does not parse (${error.message}, at character ${error.offset + 1})`;
}

/** What may name a port of an endpoint; `0`, `9:5` and the like are neither numbers nor names. */
const portName = /^(?=.*[A-Za-z])[A-Za-z0-9_.-]{1,128}$/;

/** Numbers and ranges match the port alone; a name matches address and port together, of the owners the side selects. */
function resolvePorts(
  ports: readonly (string | number)[] | undefined,
  field: 'ports' | 'notPorts',
  positive: Selector | undefined,
  { sets, protocol, path, unknown }: SideContext,
): PortMatch | undefined {
  if (!ports || ports.length === 0) return undefined;
  const ranges: PortRange[] = [];
  const names: string[] = [];
  for (const [i, port] of ports.entries()) {
    const range = parsePortRange(port);
    const code = 'invalid-port';
    if (range && (protocol === undefined || !hasPorts(protocol))) {
      unknown.push({ code, path: [...path, field, i], what: `port ${port} needs a protocol with ports` });
    } else if (range) ranges.push(range);
    else if (portName.test(String(port))) names.push(String(port));
    else unknown.push({ code, path: [...path, field, i], what: `${port} is neither a port, a range nor a name` });
  }
  if (ranges.length + names.length < ports.length) return undefined;
  const portSets = names.map((name) => sets.portSet(positive ?? { kind: 'all' }, { name, protocol }));
  return { ranges: sortRanges(ranges), portSets: [...new Set(portSets)].sort() };
}

function sortRanges(ranges: readonly PortRange[]): PortRange[] {
  return [...ranges].sort((a, b) => a.first - b.first || a.last - b.last);
}
