/**
 * Long prefix sets of filters, written once and referred to by name.
 *
 *   BirdFilter[] → [share-sets] → BirdFilter[], PrefixSet[]
 *
 * Two hundred Sites that may all learn each other's prefixes would otherwise repeat them in every session's filter.
 * Invariant: a set's name comes from its members, so equal sets are one and a name never changes its meaning.
 */
import { contentHash } from '../net/content-hash.ts';
import type { BirdCondition, BirdFilter, BirdStatement, PrefixPattern, PrefixSet } from './config.ts';
import { birdPrefix } from './names.ts';
import { createPatternPrinter } from './print-filter.ts';

/** Sets up to this many members stay where they are, readable. */
const longestInline = 8;

export function shareSets(filters: readonly BirdFilter[]): { filters: BirdFilter[]; sets: PrefixSet[] } {
  const sets = new Map<string, PrefixSet>();
  /** By the members' text: hashing is what costs, and most sessions share theirs. */
  const names = new Map<string, string>();
  const print = createPatternPrinter();

  function share(members: readonly PrefixPattern[]): BirdCondition {
    if (members.length <= longestInline) return { kind: 'net-in', set: members };
    const text = members.map(print).join(' ');
    const known = names.get(text);
    if (known !== undefined) return { kind: 'net-in-named', name: known };
    const name = `${birdPrefix}set_${contentHash(text)}`;
    names.set(text, name);
    sets.set(name, { name, members });
    return { kind: 'net-in-named', name };
  }

  function inCondition(condition: BirdCondition): BirdCondition {
    switch (condition.kind) {
      case 'net-in':
        return share(condition.set);
      case 'not':
        return { kind: 'not', operand: inCondition(condition.operand) };
      case 'all':
      case 'any':
        return { kind: condition.kind, operands: condition.operands.map(inCondition) };
      case 'always':
      case 'never':
      case 'net-in-named':
      case 'is-ebgp':
      case 'call':
      case 'call-hook':
      case 'protocol':
      case 'large-community-in':
      case 'path-longer-than':
      case 'first-as':
      case 'source':
      case 'discards':
      case 'interface':
      case 'community':
      case 'as-path-prefix':
      case 'local-pref':
      case 'kernel-metric':
        return condition;
    }
  }

  function inStatement(statement: BirdStatement): BirdStatement {
    if (statement.kind !== 'if') return statement;
    return { kind: 'if', when: inCondition(statement.when), body: statement.body.map(inStatement) };
  }

  const shared = filters.map((filter) => ({ ...filter, body: filter.body.map(inStatement) }));
  return { filters: shared, sets: [...sets.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
