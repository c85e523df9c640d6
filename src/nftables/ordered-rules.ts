/**
 * Rules of policies as the compiler arranges them, each made once.
 *
 *   PolicyRules × direction × family ─[OrderedRules.of]→ OrderedRule[]
 *
 * Invariant: a rule that says the same as before, in a policy of the same name, is the same object as before, whatever else in
 * the policy changed; so lists, and the chains made of them, are known to be the same by looking at identity. A class, because
 * it remembers.
 */
import type { Direction, PolicyId, PolicyRules, RuleIntent } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import { printPrefix } from '../net/prefix.ts';
import type { OrderedRule } from './block.ts';
import { expandLogPrefix } from './log-prefix.ts';
import { expandRule, selectorsOf } from './terms.ts';

interface Known {
  readonly rules: PolicyRules;
  readonly lists: Map<string, readonly OrderedRule[]>;
}

export class OrderedRules {
  readonly #logPrefix: string;
  readonly #byPolicy = new Map<PolicyId, Known>();

  constructor(logPrefix: string) {
    this.#logPrefix = logPrefix;
  }

  of(rules: PolicyRules, direction: Direction, family: Family): readonly OrderedRule[] {
    let known = this.#byPolicy.get(rules.id);
    if (known?.rules !== rules) {
      known = { rules, lists: new Map(known ? this.#kept(known, rules) : []) };
      this.#byPolicy.set(rules.id, known);
    }
    const name = listName(direction, family);
    let list = known.lists.get(name);
    if (!list) {
      list = rules[direction].map((rule) => this.#order(rules, direction, rule, family));
      known.lists.set(name, list);
    }
    return list;
  }

  /** Forgets all others. */
  keepOnly(policies: Iterable<PolicyRules>): void {
    const ids = new Set<PolicyId>();
    for (const { id } of policies) ids.add(id);
    for (const id of this.#byPolicy.keys()) if (!ids.has(id)) this.#byPolicy.delete(id);
  }

  /** The lists that are known, with the rules as they are now. */
  #kept(before: Known, after: PolicyRules): Iterable<readonly [string, readonly OrderedRule[]]> {
    const isAlike = before.rules.kind === after.kind && before.rules.name === after.name;
    if (!isAlike || before.rules.tier !== after.tier) return [];
    const lists: [string, readonly OrderedRule[]][] = [];
    for (const direction of ['ingress', 'egress'] as const) {
      const positions = new Map(before.rules[direction].map((rule, i) => [ruleText(rule), i]));
      for (const family of [4, 6] as const) {
        const known = before.lists.get(listName(direction, family));
        if (!known) continue;
        const list = after[direction].map((rule) => {
          const position = positions.get(ruleText(rule));
          return (position === undefined ? undefined : known[position]) ?? this.#order(after, direction, rule, family);
        });
        const isSame = list.length === known.length && list.every((rule, i) => rule === known[i]);
        lists.push([listName(direction, family), isSame ? known : list]);
      }
    }
    return lists;
  }

  #order(rules: PolicyRules, direction: Direction, rule: RuleIntent, family: Family): OrderedRule {
    return {
      action: rule.action,
      origin: `${rules.id} ${direction}[${rule.index}]`,
      logPrefix: rule.action === 'Log' ? expandLogPrefix(this.#logPrefix, rules) : '',
      variants: expandRule(rule, family),
      selectors: selectorsOf(rule),
    };
  }
}

function listName(direction: Direction, family: Family): string {
  return `${direction} ${family}`;
}

/** All that the rule says; its index too, since that is in comments. */
function ruleText(rule: RuleIntent): string {
  return JSON.stringify(rule, (key, value) => (key === 'path' ? undefined : printed(value)));
}

function printed(value: unknown): unknown {
  const isPrefix = typeof value === 'object' && value !== null && 'bits' in value && 'length' in value;
  return isPrefix ? printPrefix(value as Parameters<typeof printPrefix>[0]) : value;
}
