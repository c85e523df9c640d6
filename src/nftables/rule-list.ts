/**
 * One ordered list of rules for one family, arranged, whatever place evaluates it.
 *
 *   OrderedRule[] × classes of addresses ─[RuleList]→ blocks, and a RuleList for each combination that a dispatch leads to
 *
 *   list ─ dispatch block ─ combination of selectors ─ list of the rules that can match such an address ─ …
 *
 * Invariants: what it says depends on its rules and on the classes that are there, not on the order in which classes came. At
 * most two dispatches lead to a rule, one by each address. A class, because it follows classes as they come and go.
 */
import type { SetId } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import type { AddressClass, ClassChanges } from './address-classes.ts';
import type { Block, DispatchBlock, Dispatching, Dispatchings, OrderedRule } from './block.ts';
import { type Arranged, arrangeBlocks } from './blocks.ts';
import type { ClassFeed, ClassFollower } from './class-feed.ts';
import type { Side } from './ruleset.ts';
import { fewestNestedSelectors, fewestSelectors, type Group, SideSelectors } from './selector-groups.ts';
import type { Selectors } from './terms.ts';

const sides: readonly Side[] = ['source', 'destination'];
/** Lists inside lists: behind a dispatch by each address nothing is dispatched any more. */
const deepest = 2;

/** How the rules of a list are put into blocks, as far as classes decide it. */
interface Choice {
  readonly groups: ReadonlyMap<Side, readonly Group[]>;
  /** Dispatch everything from the first rule of this group on. */
  readonly whole: Dispatching | undefined;
}

/** Rules that are not of the dispatch but stand among its rules. */
interface Split {
  readonly dispatching: Dispatching;
  readonly first: number;
  readonly wideCount: number;
}

/** Where a list is compiled. */
interface ListPlace {
  /** The list was arranged anew. */
  recompile(): void;
}

export class RuleList implements ClassFollower {
  readonly family: Family;
  readonly rules: readonly OrderedRule[];
  readonly depth: number;
  /** Where it is compiled. */
  readonly places = new Set<ListPlace>();
  /** By block. */
  dispatches: ReadonlyMap<DispatchBlock, DispatchPlan> = new Map();
  blocks: readonly Block[] = [];
  readonly #feed: ClassFeed;
  readonly #sides = new Map<Side, SideSelectors>();
  #choice: Choice = { groups: new Map(), whole: undefined };
  #split: Split | undefined;
  /** As the groups alone have it. */
  #arranged: Arranged = { blocks: [], isSplit: false };

  constructor(feed: ClassFeed, rules: readonly OrderedRule[], depth = 0, previous?: RuleList) {
    this.family = feed.family;
    this.rules = rules;
    this.depth = depth;
    this.#feed = feed;
    if (depth < deepest) {
      for (const side of sides) {
        const counts = countSelectors(rules, side);
        const fewest = depth === 0 ? fewestSelectors : fewestNestedSelectors;
        if (counts.size >= fewest) this.#sides.set(side, new SideSelectors(counts, depth > 0));
      }
    }
    for (const each of this.#sides.values()) for (const known of feed.all()) each.count(known, 1);
    if (this.#sides.size > 0) feed.lists.follow(this, selectorsOf(this.#sides));
    this.#choice = this.#choose();
    this.#arrange(previous);
  }

  hear({ came, went }: ClassChanges): void {
    let isMoved = false;
    for (const side of this.#sides.values()) {
      for (const each of came) isMoved = side.count(each, 1) || isMoved;
      for (const each of went) isMoved = side.count(each, -1) || isMoved;
    }
    if (!isMoved) return;
    const choice = this.#choose();
    if (equalChoices(this.#choice, choice)) return;
    this.#choice = choice;
    this.#arrange(undefined);
    for (const place of this.places) place.recompile();
  }

  /** Follows classes no more, nor do the lists below it. */
  dispose(): void {
    this.#feed.lists.leave(this);
    for (const plan of this.dispatches.values()) plan.dispose();
  }

  #choose(): Choice {
    if (this.#sides.size === 0) {
      this.#arranged = arrangeBlocks(this.rules);
      return this.#choice;
    }
    const groups = new Map([...this.#sides].map(([side, selectors]) => [side, selectors.groups()]));
    const before = this.#choice;
    // Where rules stand in each other's way does not depend on who is a member.
    if (this.blocks.length === 0 || !equalGroups(before.groups, groups)) {
      this.#split = this.#findSplit(this.#dispatchings(groups));
    }
    return { groups, whole: this.#isWorthwhile(groups) ? this.#split?.dispatching : undefined };
  }

  /** Whether all chains may hold the rules between as well: half of what they may hold anyway. */
  #isWorthwhile(groups: Choice['groups']): boolean {
    if (!this.#split || this.depth > 0) return false;
    const { dispatching, wideCount } = this.#split;
    const selectors = this.#sides.get(dispatching.side);
    const group = groups.get(dispatching.side)?.[dispatching.group];
    if (!selectors || !group) return false;
    return 2 * wideCount * group.combinations <= selectors.mostRules(selectors.ruleCounts);
  }

  #findSplit(dispatchings: Dispatchings): Split | undefined {
    this.#arranged = arrangeBlocks(this.rules, dispatchings);
    if (!this.#arranged.isSplit) return undefined;
    const counts = new Map<string, { readonly dispatching: Dispatching; count: number }>();
    for (const dispatching of dispatchings.values()) {
      const name = `${dispatching.side} ${dispatching.group}`;
      const known = counts.get(name);
      if (known) known.count++;
      else counts.set(name, { dispatching, count: 1 });
    }
    const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
    if (!most) return undefined;
    const { dispatching } = most;
    const isMine = (rule: OrderedRule): boolean => isSame(dispatchings.get(rule), dispatching);
    const first = this.rules.findIndex(isMine);
    const wideCount = this.rules.length - first - this.rules.slice(first).filter(isMine).length;
    return { dispatching, first, wideCount };
  }

  /** A rule goes to the side with more different selectors, if its own is in a group there. */
  #dispatchings(groups: Choice['groups']): Dispatchings {
    const dispatchings = new Map<OrderedRule, Dispatching>();
    const sizes = sides.map((side) => this.#sides.get(side)?.ruleCounts.size ?? 0);
    const ordered = (sizes[1] ?? 0) > (sizes[0] ?? 0) ? sides.toReversed() : sides;
    const bySelector = new Map(ordered.map((side) => [side, dispatchBySelector(side, groups.get(side) ?? [])]));
    for (const rule of this.rules) {
      if (rule.variants.length === 0) continue;
      for (const side of ordered) {
        const dispatching = bySelector.get(side)?.get(rule.selectors?.[side] ?? '');
        if (!dispatching) continue;
        dispatchings.set(rule, dispatching);
        break;
      }
    }
    return dispatchings;
  }

  #arrange(previous: RuleList | undefined): void {
    const { whole, groups } = this.#choice;
    if (whole && this.#split) {
      const dispatchings = this.#dispatchings(groups);
      const rest = this.rules.slice(this.#split.first);
      const wide = rest.filter((rule) => !isSame(dispatchings.get(rule), whole));
      this.blocks = [
        ...arrangeBlocks(this.rules.slice(0, this.#split.first), dispatchings).blocks,
        { kind: 'dispatch', ...whole, rules: rest, wide: new Set(wide) },
        ...arrangeBlocks(wide, dispatchings).blocks,
      ];
    } else {
      this.blocks = this.#arranged.blocks;
    }
    const before = this.dispatches;
    const known = previous ? [...previous.dispatches.values()] : [];
    const plans = this.blocks
      .filter((block) => block.kind === 'dispatch')
      .map((block, i) => {
        const alike = known[i]?.block.side === block.side ? known[i] : undefined;
        return new DispatchPlan(this.#feed, block, this.depth, alike);
      });
    this.dispatches = new Map(plans.map((plan) => [plan.block, plan]));
    for (const plan of before.values()) plan.dispose();
  }
}

/** Selectors of one dispatch that some addresses meet together. */
export interface Combination {
  readonly text: string;
  readonly ids: readonly SetId[];
  /** The rules that can match such an address. */
  readonly rules: readonly OrderedRule[];
  /** The same without the term that it meets. */
  readonly list: RuleList;
  readonly classes: Set<AddressClass>;
}

type MovedClasses = ReadonlyMap<AddressClass, Combination>;

/** Where a dispatch is compiled. */
interface DispatchPlace {
  /** The plan has taken these classes in and out; each with the combination it is or was in. */
  move(came: MovedClasses, went: MovedClasses): void;
}

/** One dispatch block, with the combinations that occur. */
export class DispatchPlan implements ClassFollower {
  readonly block: DispatchBlock;
  /** Where it is compiled. */
  readonly places = new Set<DispatchPlace>();
  readonly combinations = new Map<string, Combination>();
  readonly #feed: ClassFeed;
  readonly #depth: number;
  /** Positions in the block of each selector's rules, and of those that stand in every chain. */
  readonly #positions = new Map<SetId, number[]>();
  readonly #widePositions: readonly number[];

  /** Lists of `previous`, which is by the same side, are taken over where they have the same rules. */
  constructor(feed: ClassFeed, block: DispatchBlock, depth: number, previous?: DispatchPlan) {
    this.block = block;
    this.#feed = feed;
    this.#depth = depth;
    const wide: number[] = [];
    for (const [position, rule] of block.rules.entries()) {
      const id = rule.selectors?.[block.side];
      if (block.wide?.has(rule)) wide.push(position);
      else if (id === undefined) throw new Error('a rule without selector in a dispatch');
      else pushTo(this.#positions, id, position);
    }
    this.#widePositions = wide;
    for (const known of feed.all()) this.#add(known, previous);
    feed.dispatches.follow(this, [...this.#positions.keys()]);
  }

  hear(changes: ClassChanges): void {
    const [came, went] = [new Map<AddressClass, Combination>(), new Map<AddressClass, Combination>()];
    for (const each of changes.came) {
      const combination = this.#add(each, undefined);
      if (combination) came.set(each, combination);
    }
    for (const each of changes.went) {
      const combination = this.#remove(each);
      if (combination) went.set(each, combination);
    }
    if (came.size + went.size > 0) for (const place of this.places) place.move(came, went);
  }

  /** The combination of a class that came; undefined where none of the rules can match its addresses. */
  #add(known: AddressClass, previous: DispatchPlan | undefined): Combination | undefined {
    const ids = this.#own(known.ids);
    if (ids.length === 0) return undefined;
    const text = ids.join(' ');
    let combination = this.combinations.get(text);
    if (!combination) {
      const before = previous?.combinations.get(text);
      const rules = this.#rulesOf(ids);
      const isKnown = before !== undefined && this.#isSameList(before, rules, previous?.block.wide);
      const list = isKnown
        ? before.list
        : new RuleList(this.#feed, this.#innerRules(rules), this.#depth + 1, before?.list);
      // Taken over: it must not be disposed of with the plan it was in.
      if (isKnown) previous?.combinations.delete(text);
      combination = { text, ids, rules, list, classes: new Set() };
      this.combinations.set(text, combination);
    }
    combination.classes.add(known);
    return combination;
  }

  /** The combination of a class that went; it is forgotten with its last class. */
  #remove(known: AddressClass): Combination | undefined {
    const combination = this.combinations.get(this.#own(known.ids).join(' '));
    if (!combination) return undefined;
    combination.classes.delete(known);
    if (combination.classes.size > 0) return combination;
    this.combinations.delete(combination.text);
    combination.list.dispose();
    return combination;
  }

  dispose(): void {
    this.#feed.dispatches.leave(this);
    for (const { list } of this.combinations.values()) list.dispose();
  }

  #own(ids: readonly SetId[]): readonly SetId[] {
    return ids.filter((id) => this.#positions.has(id));
  }

  /** The rules that can match such an address, in order. */
  #rulesOf(ids: readonly SetId[]): readonly OrderedRule[] {
    const positions = [...this.#widePositions, ...ids.flatMap((id) => this.#positions.get(id) ?? [])];
    return positions.sort((a, b) => a - b).flatMap((position) => this.block.rules[position] ?? []);
  }

  /** Equal rules lose the same term on the same side, unless they stand here because they are wide. */
  #isSameList(before: Combination, rules: readonly OrderedRule[], wideBefore: DispatchBlock['wide']): boolean {
    if (!isSameArray(before.rules, rules)) return false;
    return (!wideBefore && !this.block.wide) || isSameArray(before.list.rules, this.#innerRules(rules));
  }

  #innerRules(rules: readonly OrderedRule[]): readonly OrderedRule[] {
    const { side, wide } = this.block;
    return rules.map((rule) => (wide?.has(rule) ? rule : withoutSelector(rule, side)));
  }
}

function isSameArray<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}

function pushTo(positions: Map<SetId, number[]>, id: SetId, position: number): void {
  const known = positions.get(id);
  if (known) known.push(position);
  else positions.set(id, [position]);
}

/** All selectors that a list of such rules may dispatch on: those of a side that has enough of them. */
export function dispatchableSelectors(rules: readonly OrderedRule[]): readonly SetId[] {
  return sides.flatMap((side) => {
    const counts = countSelectors(rules, side);
    return counts.size < fewestSelectors ? [] : [...counts.keys()];
  });
}

function selectorsOf(bySide: ReadonlyMap<Side, SideSelectors>): Iterable<SetId> {
  return new Set([...bySide.values()].flatMap(({ ruleCounts }) => [...ruleCounts.keys()]));
}

function countSelectors(rules: readonly OrderedRule[], side: Side): ReadonlyMap<SetId, number> {
  const counts = new Map<SetId, number>();
  for (const { selectors, variants } of rules) {
    const id = variants.length === 0 ? undefined : selectors?.[side];
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function dispatchBySelector(side: Side, groups: readonly Group[]): ReadonlyMap<SetId, Dispatching> {
  return new Map(
    groups.flatMap(({ ids }, group) => {
      const dispatching: Dispatching = { side, group };
      return [...ids].map((id) => [id, dispatching] as const);
    }),
  );
}

function isSame(a: Dispatching | undefined, b: Dispatching | undefined): boolean {
  return a?.side === b?.side && a?.group === b?.group;
}

function equalChoices(a: Choice, b: Choice): boolean {
  return isSame(a.whole, b.whole) && equalGroups(a.groups, b.groups);
}

function equalGroups(a: Choice['groups'], b: Choice['groups']): boolean {
  return sides.every((side) => {
    const [before, after] = [a.get(side) ?? [], b.get(side) ?? []];
    return (
      before.length === after.length &&
      before.every(({ ids }, i) => {
        const other = after[i]?.ids;
        return other !== undefined && other.size === ids.size && [...ids].every((id) => other.has(id));
      })
    );
  });
}

const stripped = new WeakMap<OrderedRule, Map<Side, OrderedRule>>();

/** The very same rule each time, so that lists can be told apart by identity. */
function withoutSelector(rule: OrderedRule, side: Side): OrderedRule {
  const known = stripped.get(rule) ?? new Map<Side, OrderedRule>();
  stripped.set(rule, known);
  let without = known.get(side);
  if (!without) {
    const other: Side = side === 'source' ? 'destination' : 'source';
    const left = rule.selectors?.[other];
    const { selectors: _, ...rest } = rule;
    const selectors: Selectors | undefined = left === undefined ? undefined : { [other]: left };
    without = selectors ? { ...rest, selectors } : rest;
    known.set(side, without);
  }
  return without;
}
