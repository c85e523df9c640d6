/**
 * What the kernel would refuse, or what ruleset.ts forbids, in a Ruleset as a whole: found without any packet.
 *
 *   Ruleset ─[checkRuleset]→ complaints, none if it is sound
 */
import { containsPrefix } from '../../src/net/prefix.ts';
import {
  type Field,
  type FieldValue,
  firstClass,
  type Key,
  type Match,
  type NftSet,
  type Rule,
  type Ruleset,
  type Verdict,
} from '../../src/nftables/ruleset.ts';

/** Comparing all pairs of a very large map takes too long for what it would find. */
const mostPairsCompared = 400;

export function checkRuleset(ruleset: Ruleset): string[] {
  const complaints: string[] = [];
  for (const [name, chain] of ruleset.chains) {
    if (chain.name !== name) complaints.push(`chain ${chain.name} is filed under ${name}`);
    for (const rule of chain.rules) {
      for (const complaint of checkRule(ruleset, rule)) complaints.push(`chain ${name}: ${complaint}`);
    }
  }
  for (const [name, map] of ruleset.maps) {
    const keys = [...map.elements.values()].map(({ key }) => key);
    for (const complaint of checkKeys(keys, map.fields, map.isInterval)) complaints.push(`map ${name}: ${complaint}`);
    for (const { verdict, comment } of map.elements.values()) {
      for (const complaint of [...checkVerdict(ruleset, verdict), ...checkComment(comment)]) {
        complaints.push(`map ${name}: ${complaint}`);
      }
    }
  }
  for (const [name, map] of ruleset.classes) {
    if (map.name !== name) complaints.push(`class map ${map.name} is filed under ${name}`);
    const keys = [...map.classes.keys()];
    if (!map.isInterval && keys.some((key) => key.includes('-'))) complaints.push(`class map ${name} has an interval`);
    if ([...map.classes.values()].some((number) => number < firstClass))
      complaints.push(`class map ${name} has no class`);
  }
  for (const [name, set] of ruleset.sets) {
    for (const complaint of checkSet(set)) complaints.push(`set ${name}: ${complaint}`);
  }
  return complaints;
}

function checkRule(ruleset: Ruleset, rule: Rule): string[] {
  const complaints = [
    ...checkComment(rule.comment),
    ...rule.matches.flatMap((match) => checkMatch(ruleset, match)),
    ...rule.statements.flatMap((statement) =>
      statement.kind === 'class' && !ruleset.classes.has(statement.map) ? [`no class map ${statement.map}`] : [],
    ),
  ];
  const { outcome } = rule;
  if (outcome === undefined || outcome.kind === 'reject') return complaints;
  if (outcome.kind === 'lookup')
    return ruleset.maps.has(outcome.map) ? complaints : [...complaints, `no map ${outcome.map}`];
  if (outcome.kind === 'ct-state-lookup') {
    return [...complaints, ...outcome.verdicts.flatMap(([, verdict]) => checkVerdict(ruleset, verdict))];
  }
  return [...complaints, ...checkVerdict(ruleset, outcome)];
}

function checkMatch(ruleset: Ruleset, match: Match): string[] {
  if (match.kind === 'tuple') return ruleset.sets.has(match.set) ? [] : [`no set ${match.set}`];
  if (match.kind === 'address') {
    if ('set' in match.in) return ruleset.sets.has(match.in.set) ? [] : [`no set ${match.in.set}`];
    const { prefixes } = match.in;
    const isOverlapping = prefixes.some((a, i) => prefixes.some((b, j) => i !== j && containsPrefix(a, b)));
    return isOverlapping ? ['an address match whose prefixes overlap'] : [];
  }
  return [];
}

function checkVerdict(ruleset: Ruleset, verdict: Verdict): string[] {
  if (verdict.kind !== 'jump' && verdict.kind !== 'goto') return [];
  const target = ruleset.chains.get(verdict.chain);
  if (!target) return [`no chain ${verdict.chain}`];
  return target.base ? [`${verdict.kind} to base chain ${verdict.chain}`] : [];
}

/** nft's limit is 128 bytes with the final NUL; a quote would end the comment. */
function checkComment(comment: string | undefined): string[] {
  return comment === undefined || /^[^"\\\n]{1,127}$/.test(comment) ? [] : [`comment ${JSON.stringify(comment)}`];
}

function checkSet(set: NftSet): string[] {
  if (set.kind === 'tuples') return checkKeys([...set.elements.values()], set.fields, true);
  const members = [...set.elements.values()];
  const isOverlapping =
    set.holds === 'prefixes' && members.some((a, i) => members.some((b, j) => i !== j && containsPrefix(a, b)));
  return [
    ...(members.some((member) => member.family !== set.family) ? ['a member of the other family'] : []),
    ...(isOverlapping ? ['a member inside another'] : []),
  ];
}

function checkKeys(keys: readonly Key[], fields: readonly Field[], isInterval: boolean): string[] {
  const complaints: string[] = [];
  for (const key of keys) {
    if (key.length !== fields.length) complaints.push(`a key of ${key.length} parts for ${fields.length} fields`);
    const isWide = (part: FieldValue) =>
      part.kind === 'prefix' || (part.kind === 'addresses' && part.first < part.last);
    if (!isInterval && key.some(isWide)) complaints.push('an interval in a map of single values');
  }
  if (keys.length > mostPairsCompared) return complaints;
  keys.forEach((a, i) => {
    for (const b of keys.slice(i + 1)) {
      if (a.every((part, field) => overlap(part, b[field]))) complaints.push('elements that overlap');
    }
  });
  return complaints;
}

function overlap(a: FieldValue, b: FieldValue | undefined): boolean {
  if (a.kind === 'prefix' && b?.kind === 'prefix')
    return containsPrefix(a.prefix, b.prefix) || containsPrefix(b.prefix, a.prefix);
  if (a.kind === 'addresses' && b?.kind === 'addresses') return a.first <= b.last && b.first <= a.last;
  if (a.kind === 'range' && b?.kind === 'range') return a.first <= b.last && b.first <= a.last;
  if (a.kind === 'name' && b?.kind === 'name') return a.name === b.name;
  if (a.kind === 'class' && b?.kind === 'class') return a.class === b.class;
  throw new Error('keys of different shapes in one set or map');
}
