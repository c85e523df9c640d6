/**
 * BGPFilters as BIRD functions.
 *
 *   FilterIntent → [compile-filter] → BirdFunction
 *
 * Conditions of a rule are all needed; the first rule that matches decides; what no rule matches returns to the caller
 * (semantics §5.3). Two defects of Calico's own rendering are not copied: `Equal` with prefixLength is asked as one length
 * range around the exact length, and a range that is empty matches nothing instead of breaking the configuration.
 */
import type { FilterIntent } from '../intent/routing/routing-intent.ts';
import { bitLength, type Family } from '../net/address.ts';
import { parseAsn } from '../net/asn.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { BgpFilterOperation, BgpFilterRule } from '../resources/bgp-filter.ts';
import { parseCommunity } from './communities.ts';
import type { BirdCondition, BirdFunction, BirdStatement, PrefixPattern } from './config.ts';
import { filterFunctionName } from './names.ts';
import { refuseByFilter } from './refuse.ts';
import { netIn } from './statements.ts';

/** Calico's priority and LOCAL_PREF add up to this. */
const priorityBase = 2147483647;
/** The priority of a route that did not come from BGP (IPv4NormalRoutePriority's default). */
const normalPriority = 1024;

/** The function of a filter in one direction and family; undefined when it has no rules there. */
export function compileFilter(
  filter: FilterIntent,
  direction: 'import' | 'export',
  family: Family,
  localAs: number,
): BirdFunction | undefined {
  const rules = rulesOf(filter, direction, family);
  if (rules.length === 0) return undefined;
  const refuse = (index: number): BirdStatement[] =>
    direction === 'import'
      ? refuseByFilter(filter.name, index, localAs)
      : [{ kind: 'reject', because: `rule exportV${family}[${index}] of BGPFilter/${filter.name} rejects it` }];
  return {
    name: filterFunctionName(filter.name, direction, family),
    comment: `BGPFilter/${filter.name} ${direction}V${family}`,
    body: [
      ...rules.flatMap((rule, index) => compileRule(rule, family, refuse(index))),
      { kind: 'return', value: false },
    ],
  };
}

/** Whether the filter has anything to say in that direction and family. */
export function hasRules(filter: FilterIntent, direction: 'import' | 'export', family: Family): boolean {
  return rulesOf(filter, direction, family).length > 0;
}

function rulesOf(filter: FilterIntent, direction: 'import' | 'export', family: Family): readonly BgpFilterRule[] {
  const { importV4, exportV4, importV6, exportV6 } = filter.rules;
  if (direction === 'import') return family === 4 ? importV4 : importV6;
  return family === 4 ? exportV4 : exportV6;
}

function compileRule(rule: BgpFilterRule, family: Family, refuse: readonly BirdStatement[]): BirdStatement[] {
  const decision: readonly BirdStatement[] = rule.action === 'Accept' ? [{ kind: 'return', value: true }] : refuse;
  const body = [...(rule.operations ?? []).flatMap(compileOperation), ...decision];
  const operands = compileConditions(rule, family);
  return operands.length === 0 ? body : [{ kind: 'if', when: { kind: 'all', operands }, body }];
}

function compileConditions(rule: BgpFilterRule, family: Family): BirdCondition[] {
  return [
    ...(rule.cidr === undefined ? [] : [compileCidr(rule, rule.cidr, family)]),
    ...(rule.source === undefined ? [] : [{ kind: 'source', source: 'RTS_BGP' } as const]),
    ...(rule.interface === undefined ? [] : [{ kind: 'interface', pattern: rule.interface } as const]),
    ...(rule.peerType === undefined ? [] : [compilePeerType(rule.peerType)]),
    ...(rule.communities?.values ?? []).map(compileCommunity),
    ...(rule.asPathPrefix === undefined || rule.asPathPrefix.length === 0 ? [] : [compileAsPath(rule.asPathPrefix)]),
    ...(rule.priority === undefined ? [] : [compilePriority(rule.priority)]),
  ];
}

function compileCidr(rule: BgpFilterRule, cidr: string, family: Family): BirdCondition {
  const prefix = parsePrefix(cidr);
  // A rule that cannot be read must not widen: an accept never matches, a reject always does.
  if (prefix?.family !== family) return { kind: rule.action === 'Accept' ? 'never' : 'always' };
  const isExact = rule.matchOperator === 'Equal' || rule.matchOperator === 'NotEqual';
  const isNegative = rule.matchOperator === 'NotEqual' || rule.matchOperator === 'NotIn';
  const low = Math.max(prefix.length, rule.prefixLength?.min ?? 0);
  const high = Math.min(bitLength(family), rule.prefixLength?.max ?? bitLength(family));
  if (isExact) {
    const isPossible = low <= prefix.length && prefix.length <= high;
    const equal = netIn(isPossible ? [{ prefix, low: prefix.length, high: prefix.length }] : []);
    return isNegative ? { kind: 'not', operand: equal } : equal;
  }
  const hasLengths = rule.prefixLength !== undefined;
  if (!isNegative) return netIn(low <= high ? [{ prefix, low, high }] : []);
  const outside: BirdCondition = {
    kind: 'not',
    operand: netIn([{ prefix, low: prefix.length, high: bitLength(family) }]),
  };
  if (!hasLengths) return outside;
  // NotIn with lengths: outside the prefix, and of a length inside the limits.
  const anywhere: PrefixPattern = { prefix: { family, bits: 0n, length: 0 }, low, high };
  return { kind: 'all', operands: [outside, netIn(low <= high ? [anywhere] : [])] };
}

function compilePeerType(type: 'eBGP' | 'iBGP'): BirdCondition {
  return type === 'eBGP' ? { kind: 'is-ebgp' } : { kind: 'not', operand: { kind: 'is-ebgp' } };
}

function compileCommunity(text: string): BirdCondition {
  const community = parseCommunity(text);
  return community ? { kind: 'community', community } : { kind: 'never' };
}

function compileAsPath(path: readonly (number | string)[]): BirdCondition {
  const as = path.flatMap((one) => parseAsn(one) ?? []);
  return as.length === path.length ? { kind: 'as-path-prefix', as } : { kind: 'never' };
}

/** Routes from BGP carry the priority as LOCAL_PREF, those of the kernel as their metric; all others have the normal one. */
function compilePriority(priority: number): BirdCondition {
  const carried: BirdCondition[] = [
    { kind: 'local-pref', value: priorityBase - priority },
    { kind: 'kernel-metric', value: priority },
  ];
  if (priority !== normalPriority) return { kind: 'any', operands: carried };
  const local: BirdCondition[] = [
    { kind: 'not', operand: { kind: 'source', source: 'RTS_BGP' } },
    { kind: 'not', operand: { kind: 'kernel-metric', value: 'any' } },
  ];
  return { kind: 'any', operands: [...carried, { kind: 'all', operands: local }] };
}

function compileOperation(operation: BgpFilterOperation): BirdStatement[] {
  if (operation.addCommunity) {
    const community = parseCommunity(operation.addCommunity.value);
    return community ? [{ kind: 'add-community', community }] : [];
  }
  if (operation.prependASPath) {
    // The last prepended stands first on the path, so the list is walked backwards.
    const path = operation.prependASPath.prefix.flatMap((one) => parseAsn(one) ?? []);
    return path.reverse().map((as) => ({ kind: 'prepend', as }));
  }
  if (operation.setPriority) {
    return [{ kind: 'set', attribute: 'bgp_local_pref', value: priorityBase - operation.setPriority.value }];
  }
  return [];
}
