/**
 * Which selectors of one side of a list are dispatched together.
 *
 *   selectors × classes of addresses ─[SideSelectors]→ groups of selectors, narrow ones first
 *
 * A group costs a lookup, and a chain for every combination of its selectors that some address meets, with all their rules. So
 * a broad selector (`env == 'prod'`) is not put beside a thousand narrow ones, where its rules would be repeated in each chain,
 * but in a group with other broad ones, which are few and so have few combinations.
 *
 * Invariant: the chains of a group hold at most `mostRules` rules, whatever the members are: 1,024 and eight times those of its
 * selectors, or in a nested list 32 and four times, elements that lead to chains counted in. The same rules and classes give the
 * same groups, in whatever order classes came. A class, because it counts combinations across rulesets.
 */
import type { SetId } from '../intent/policy/policy-intent.ts';
import type { AddressClass } from './address-classes.ts';

/** Two lookups and a jump cost about as much as asking so many selectors one by one. */
export const fewestSelectors = 4;
/** Inside a chain that a dispatch leads to another costs a map and chains for each such chain: it has to save more. */
export const fewestNestedSelectors = 8;
/** Selectors that fit in none of so many groups are asked one by one. */
const mostGroups = 3;

export interface Group {
  readonly ids: ReadonlySet<SetId>;
  /** How many combinations of its selectors occur. */
  readonly combinations: number;
}

/** Selectors that some addresses meet, and how many classes these addresses are in. */
interface Combination {
  readonly ids: readonly SetId[];
  classes: number;
}

export class SideSelectors {
  /** How many rules each selector has. */
  readonly ruleCounts: ReadonlyMap<SetId, number>;
  readonly #isNested: boolean;
  readonly #combinations = new Map<string, Combination>();
  #cost = 0;

  /** Nested: inside a chain that a dispatch leads to, of which there may be thousands. */
  constructor(ruleCounts: ReadonlyMap<SetId, number>, isNested: boolean) {
    this.ruleCounts = ruleCounts;
    this.#isNested = isNested;
  }

  /** A class came or went; whether the groups may be others now: a nested dispatch pays for each class, others for combinations. */
  count({ ids }: AddressClass, by: 1 | -1): boolean {
    const own = ids.filter((id) => this.ruleCounts.has(id));
    if (own.length === 0) return false;
    const text = own.join(' ');
    let combination = this.#combinations.get(text);
    const isFirst = combination === undefined;
    if (!combination) {
      combination = { ids: own, classes: 0 };
      this.#combinations.set(text, combination);
    }
    this.#cost -= isFirst ? 0 : this.#costOf(combination);
    combination.classes += by;
    if (combination.classes === 0) this.#combinations.delete(text);
    else this.#cost += this.#costOf(combination);
    return this.#isNested || isFirst || combination.classes === 0;
  }

  /** Disjoint groups, each of enough selectors to be worth its lookups. */
  groups(): readonly Group[] {
    const groups: Group[] = [];
    let left = this.ruleCounts;
    let combinations: ReadonlyMap<string, Combination> = this.#combinations;
    if (this.#cost <= this.mostRules(left)) {
      return left.size < this.#fewest ? [] : [{ ids: new Set(left.keys()), combinations: combinations.size }];
    }
    while (groups.length < mostGroups && left.size >= this.#fewest) {
      const group = this.#narrowest(left, combinations);
      if (!group) break;
      groups.push(group);
      left = new Map([...left].filter(([id]) => !group.ids.has(id)));
      combinations = restrict(combinations, left);
    }
    return groups;
  }

  mostRules(selectors: ReadonlyMap<SetId, number>): number {
    const [most, times] = this.#isNested ? [32, 4] : [1024, 8];
    let rules = 0;
    for (const count of selectors.values()) rules += count;
    return most + times * rules;
  }

  get #fewest(): number {
    return this.#isNested ? fewestNestedSelectors : fewestSelectors;
  }

  /** In a nested dispatch the elements that lead to chains count as well. */
  #costOf({ ids, classes }: Combination): number {
    let cost = this.#isNested ? classes : 0;
    for (const id of ids) cost += this.ruleCounts.get(id) ?? 0;
    return cost;
  }

  /** As many selectors as may be together, those first that are in few combinations. */
  #narrowest(left: ReadonlyMap<SetId, number>, combinations: ReadonlyMap<string, Combination>): Group | undefined {
    const uses = new Map<SetId, number>();
    for (const { ids } of combinations.values()) for (const id of ids) uses.set(id, (uses.get(id) ?? 0) + 1);
    let mostUses = 1;
    while (mostUses < combinations.size) mostUses *= 2;
    for (; mostUses >= 1; mostUses /= 2) {
      const narrow = new Map([...left].filter(([id]) => (uses.get(id) ?? 0) <= mostUses));
      if (narrow.size < this.#fewest) return undefined;
      const restricted = restrict(combinations, narrow);
      let cost = 0;
      for (const combination of restricted.values()) cost += this.#costOf(combination);
      if (cost <= this.mostRules(narrow)) return { ids: new Set(narrow.keys()), combinations: restricted.size };
    }
    return undefined;
  }
}

function restrict(
  combinations: ReadonlyMap<string, Combination>,
  ids: ReadonlyMap<SetId, number>,
): Map<string, Combination> {
  const restricted = new Map<string, Combination>();
  for (const combination of combinations.values()) {
    const own = combination.ids.filter((id) => ids.has(id));
    if (own.length === 0) continue;
    const text = own.join(' ');
    const known = restricted.get(text);
    if (known) known.classes += combination.classes;
    else restricted.set(text, { ids: own, classes: combination.classes });
  }
  return restricted;
}
