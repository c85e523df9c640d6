/**
 * Whether objects of two rulesets say the same, and a map's elements as changes to those it had.
 *
 *   object of before × object compiled anew ─[settle…]→ the very same object, or one that shares what it can
 */
import { printRule } from './print-rule.ts';
import type { Chain, MapElement, Rule, Verdict, VerdictMap } from './ruleset.ts';
import { movedKeys, VersionedMap } from './versioned-map.ts';

export function sameRules(a: readonly Rule[], b: readonly Rule[]): boolean {
  return (
    a === b ||
    (a.length === b.length && a.every((rule, i) => rule === b[i] || printRule(rule) === printRule(b[i] ?? rule)))
  );
}

export function sameChain(a: Chain, b: Chain): boolean {
  return a.base?.hook === b.base?.hook && a.base?.priority === b.base?.priority && sameRules(a.rules, b.rules);
}

/** The elements as a version of those of before, or these themselves if nothing differs. */
export function settleElements(
  before: VerdictMap['elements'],
  after: VerdictMap['elements'],
): ReadonlyMap<string, MapElement> {
  if (movedKeys(before, after)) return after;
  const changes = new Map<string, MapElement | undefined>();
  for (const key of before.keys()) if (!after.has(key)) changes.set(key, undefined);
  for (const [key, element] of after) {
    const known = before.get(key);
    if (known && known.comment === element.comment && sameVerdict(known.verdict, element.verdict)) continue;
    changes.set(key, element);
  }
  if (changes.size === 0) return before;
  return before instanceof VersionedMap ? before.with(changes) : after;
}

function sameVerdict(a: Verdict, b: Verdict): boolean {
  const target = (verdict: Verdict) => ('chain' in verdict ? verdict.chain : undefined);
  return a.kind === b.kind && target(a) === target(b);
}
