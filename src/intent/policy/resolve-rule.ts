/**
 * A rule as Calico writes it, into a rule as the kernel and the evaluator take it (semantics §3).
 *
 *   Rule ─[resolve-rule]→ RuleIntent
 *
 * Invariant: fail closed. A rule with a term nobody can evaluate here is left out, unless it denies: then it denies
 * whatever its other terms match. A rule that can match no packet is left out.
 */
import type { Family } from '../../net/address.ts';
import { parseCalicoProtocol, protocolNumbers } from '../../net/ip-protocol.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';
import type { IcmpFields, Rule } from '../../resources/rule.ts';
import type { Warning } from '../router-intent.ts';
import type { Direction, IcmpMatch, RuleIntent } from './policy-intent.ts';
import { resolveSide, type UnknownTerm } from './resolve-side.ts';
import type { UsedSets } from './used-sets.ts';

export interface RuleContext {
  readonly subject: Resource;
  readonly sets: UsedSets;
  /** Every Service of which something is known, by `namespace/name`. */
  readonly services: Pick<ReadonlySet<string>, 'has'>;
  /** As Calico does: for a router that a Node alone describes. See SideContext. */
  readonly foldsNotSelector: boolean;
  readonly warnings: Warning[];
}

/** The rules of one direction, in order. */
export function resolveRules(
  rules: readonly Rule[] | undefined,
  direction: Direction,
  context: RuleContext,
): RuleIntent[] {
  return (rules ?? []).flatMap((rule, index) => resolveRule(rule, direction, index, context) ?? []);
}

function resolveRule(rule: Rule, direction: Direction, index: number, context: RuleContext): RuleIntent | undefined {
  const path: FieldPath = ['spec', direction, index];
  const unknown: UnknownTerm[] = [];
  const protocol = resolveProtocol(rule.protocol, [...path, 'protocol'], unknown);
  const notProtocol = resolveProtocol(rule.notProtocol, [...path, 'notProtocol'], unknown);
  const icmp = resolveIcmp(rule.icmp, [...path, 'icmp'], unknown);
  const notIcmp = resolveIcmp(rule.notICMP, [...path, 'notICMP'], unknown);
  const { sets, services, foldsNotSelector } = context;
  const { namespace } = context.subject.metadata;
  const side = { sets, services, namespace, foldsNotSelector, protocol, unknown };
  const source = resolveSide('source', rule.source, { ...side, path: [...path, 'source'] });
  const destination = resolveSide('destination', rule.destination, { ...side, path: [...path, 'destination'] });
  if (rule.http) {
    const what = 'http methods and paths need a proxy that a router has not';
    unknown.push({ code: 'http-unsupported', path: [...path, 'http'], what });
  }
  for (const term of unknown) context.warnings.push(warnOfUnknown(rule, term, context.subject));
  if (unknown.length > 0 && rule.action !== 'Deny') return undefined;
  const families = ruleFamilies(rule, icmp).filter(
    (family) => source.families.includes(family) && destination.families.includes(family),
  );
  if (families.length === 0) {
    context.warnings.push({
      code: 'never-matches',
      subject: context.subject,
      path,
      message: 'no packet can match this rule: its ipVersion, protocol and nets leave no IP version',
    });
    return undefined;
  }
  return {
    action: rule.action,
    index,
    path,
    families,
    ...(protocol !== undefined && { protocol }),
    ...(notProtocol !== undefined && { notProtocol }),
    ...(icmp && { icmp }),
    ...(notIcmp && { notIcmp }),
    source: source.match,
    destination: destination.match,
  };
}

/** ICMP by name is of IPv4 and ICMPv6 of IPv6; by number only with an icmp match (semantics §3.3, §10.4). */
function ruleFamilies({ ipVersion, protocol }: Rule, icmp: IcmpMatch | undefined): readonly Family[] {
  const implied: Family | undefined =
    protocol === 'ICMP' || (icmp && Number(protocol) === protocolNumbers.ICMP)
      ? 4
      : protocol === 'ICMPv6' || (icmp && Number(protocol) === protocolNumbers.ICMPv6)
        ? 6
        : undefined;
  return ([4, 6] as const).filter(
    (family) => (ipVersion === undefined || ipVersion === family) && (implied === undefined || implied === family),
  );
}

function resolveProtocol(
  protocol: string | number | undefined,
  path: FieldPath,
  unknown: UnknownTerm[],
): number | undefined {
  if (protocol === undefined) return undefined;
  const number = parseCalicoProtocol(protocol);
  if (number === undefined) unknown.push({ code: 'invalid-protocol', path, what: `${protocol} is no protocol` });
  return number;
}

function resolveIcmp(fields: IcmpFields | undefined, path: FieldPath, unknown: UnknownTerm[]): IcmpMatch | undefined {
  if (fields?.type === undefined) {
    if (fields?.code !== undefined) unknown.push({ code: 'invalid-icmp', path, what: 'an ICMP code needs a type' });
    return undefined;
  }
  return { type: fields.type, ...(fields.code !== undefined && { code: fields.code }) };
}

function warnOfUnknown(rule: Rule, { code, path, what }: UnknownTerm, subject: Resource): Warning {
  const consequence =
    rule.action === 'Deny'
      ? 'the rule denies whatever its other terms match'
      : `the ${rule.action} rule is left out, so it opens nothing`;
  return { code, subject, path, message: `${what}: ${consequence}` };
}
