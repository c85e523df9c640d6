/**
 * The ruleset of one router kept current across intents.
 *
 *   PolicyIntent, how members moved ─[RulesetCompiler.update]→ Ruleset
 *
 *   lists that endpoints ask for ─▶ classes of addresses ─▶ RuleLists ─▶ CompiledLists ─▶ objects by name
 *
 * Only lists that hold a changed policy are arranged again, and of those only chains with a changed rule are compiled; a class of
 * addresses that comes or goes touches only the dispatches on its selectors, a host that moves between classes nothing else.
 *
 * Invariant: the ruleset equals what a new compiler gives for the same intent; unchanged objects in it are the very same as
 * before, which is how diffRulesets knows them without looking. A class, because it holds what it has compiled.
 */
import type { AddressSet, PolicyIntent, PolicyRules, SetId } from '../intent/policy/policy-intent.ts';
import { type Family, families } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { OrderedRule } from './block.ts';
import { ClassFeed } from './class-feed.ts';
import { compileFrame, type Frame } from './compile-frame.ts';
import type { ListRequest } from './compile-tiers.ts';
import { CompiledList, type ListContext, type ListPlace } from './compiled-list.ts';
import { MemberSets, type MovedMembers } from './member-sets.ts';
import { classMapName } from './names.ts';
import { RulesetObjects } from './object-registry.ts';
import { OrderedRules } from './ordered-rules.ts';
import { dispatchableSelectors, RuleList } from './rule-list.ts';
import type { ClassMap, Ruleset } from './ruleset.ts';
import { sameRules } from './same-objects.ts';

/** How an address set moved; a port set is read whole again, so its id is enough. */
export type MemberChange =
  | {
      readonly kind: 'addresses';
      readonly setId: SetId;
      readonly added: readonly Prefix[];
      readonly removed: readonly Prefix[];
    }
  | { readonly kind: 'ports'; readonly setId: SetId };

/** A list that some chains ask for, and its rules in order. */
interface WantedList {
  readonly family: Family;
  readonly rules: readonly OrderedRule[];
  readonly requests: ListRequest[];
}

export class RulesetCompiler {
  #policy: PolicyIntent | undefined;
  #ruleset: Ruleset | undefined;
  readonly #feeds = families.map((family) => new ClassFeed(family));
  readonly #objects = new RulesetObjects();
  readonly #sets = new MemberSets();
  #rules = new OrderedRules('');
  #frame: Frame | undefined;
  /** What lists may dispatch on, sorted by id. */
  readonly #asked = new Map<ClassFeed, readonly AddressSet[]>();
  #compiled = new Map<string, CompiledList>();

  /**
   * The ruleset for the intent. A set whose members are the very map of before has moved as `moved` says and not otherwise;
   * one with another map is read whole. Policies and rules that are the same objects as before are taken to be unchanged.
   */
  update(policy: PolicyIntent, moved: readonly MemberChange[] = []): Ruleset {
    const before = this.#policy;
    const isMoveOnly = before !== undefined && hasSameRules(before, policy);
    if (isMoveOnly && moved.length === 0 && this.#ruleset) return this.#ruleset;
    this.#policy = policy;
    const members = groupBySet(moved);
    if (isMoveOnly) this.#moveClasses(members);
    else this.#compile(policy, before, members);
    this.#ruleset = this.#assemble(policy, members, !isMoveOnly);
    return this.#ruleset;
  }

  #compile(policy: PolicyIntent, before: PolicyIntent | undefined, moved: MovedMembers): void {
    if (before?.logPrefix !== policy.logPrefix || !equalRates(before.logRate, policy.logRate)) {
      this.#rules = new OrderedRules(policy.logPrefix);
    }
    const frame = compileFrame(policy);
    const wanted = this.#want(frame);
    this.#rules.keepOnly(wanted.flatMap(({ requests }) => requests[0]?.policies ?? []));
    for (const feed of this.#feeds) {
      const lists = wanted.filter(({ family }) => family === feed.family);
      const ids = [...new Set(lists.flatMap(({ rules }) => dispatchableSelectors(rules)))].sort();
      this.#asked.set(
        feed,
        ids.flatMap((id) => policy.addressSets.get(id) ?? []),
      );
    }
    this.#moveClasses(moved);
    this.#compileLists(policy, wanted);
    this.#setFrame(frame);
  }

  /** Each list that chains ask for, once. */
  #want(frame: Frame): readonly WantedList[] {
    const wanted = new Map<readonly PolicyRules[], Map<string, WantedList>>();
    for (const request of frame.lists.values()) {
      const { policies, direction, family } = request;
      const alike = wanted.get(policies) ?? new Map<string, WantedList>();
      wanted.set(policies, alike);
      const name = `${direction} ${family}`;
      let list = alike.get(name);
      if (!list) {
        list = { family, rules: policies.flatMap((each) => this.#rules.of(each, direction, family)), requests: [] };
        alike.set(name, list);
      }
      list.requests.push(request);
    }
    return [...wanted.values()].flatMap((alike) => [...alike.values()]);
  }

  #moveClasses(moved: MovedMembers): void {
    for (const feed of this.#feeds) feed.update(this.#asked.get(feed) ?? [], moved.addresses);
  }

  #compileLists(policy: PolicyIntent, wanted: readonly WantedList[]): void {
    const before = this.#compiled;
    const lists = this.#arrange(wanted);
    const context: ListContext = {
      objects: this.#objects,
      logRate: policy.logRate,
      selectorText: (id) => this.#policy?.addressSets.get(id)?.selector ?? id,
    };
    this.#compiled = new Map();
    for (const [{ requests }, list] of lists) {
      for (const request of requests) {
        const { chain } = request;
        const known = before.get(chain);
        const isSame = known?.list === list && sameList(known.at, request);
        this.#compiled.set(chain, isSame ? known : new CompiledList(context, list, request, known));
      }
    }
    for (const [chain, each] of before) if (!this.#compiled.has(chain)) each.dispose();
    const used = new Set(lists.values());
    for (const list of new Set([...before.values()].map(({ list }) => list))) if (!used.has(list)) list.dispose();
  }

  /** A list with the very same rules is kept; one that is new takes over what it can of the one its chain had. */
  #arrange(wanted: readonly WantedList[]): ReadonlyMap<WantedList, RuleList> {
    const lists = new Map<WantedList, RuleList>();
    const taken = new Set<RuleList>();
    const known = (list: WantedList): RuleList[] =>
      list.requests.flatMap(({ chain }): RuleList[] => {
        const before = this.#compiled.get(chain)?.list;
        return before?.family === list.family ? [before] : [];
      });
    for (const list of wanted) {
      const same = known(list).find(({ rules }) => isSameArray(rules, list.rules));
      if (!same) continue;
      lists.set(list, same);
      taken.add(same);
    }
    for (const list of wanted) {
      if (lists.has(list)) continue;
      const feed = this.#feeds.find(({ family }) => family === list.family);
      if (!feed) throw new Error(`no family ${list.family}`);
      const previous = known(list).find((each) => !taken.has(each));
      if (previous) taken.add(previous);
      lists.set(list, new RuleList(feed, list.rules, 0, previous));
    }
    return lists;
  }

  /** Objects that say the same as before stay the very same. */
  #setFrame(frame: Frame): void {
    const { chains, maps } = frame.draft;
    const before = this.#frame?.draft;
    if (before) this.#objects.remove({ chains: before.chains.values(), maps: before.maps.values() });
    this.#objects.add({ chains: chains.values(), maps: maps.values() });
    this.#frame = frame;
  }

  #assemble(policy: PolicyIntent, moved: MovedMembers, isOther: boolean): Ruleset {
    const chains = this.#objects.chains.take();
    const maps = this.#objects.maps.take();
    const isAskedAnew = this.#objects.takeAskedAnew() || isOther;
    const sets = this.#sets.update(policy, this.#objects.asked(), moved, isAskedAnew);
    return { sets, maps, classes: this.#classMaps(), chains };
  }

  /** Present where a rule dispatches; the very map of before where nothing moved in it. */
  #classMaps(): ReadonlyMap<string, ClassMap> {
    const before = this.#ruleset?.classes ?? new Map<string, ClassMap>();
    const maps = new Map<string, ClassMap>();
    for (const { family, classes, dispatches } of this.#feeds) {
      if (dispatches.size === 0) continue;
      for (const holds of ['hosts', 'prefixes'] as const) {
        const name = classMapName(family, holds);
        const known = before.get(name);
        const map: ClassMap = { name, family, isInterval: holds === 'prefixes', classes: classes[holds] };
        maps.set(name, known?.classes === map.classes ? known : map);
      }
    }
    const isSame = maps.size === before.size && [...maps].every(([name, map]) => before.get(name) === map);
    return isSame ? before : maps;
  }
}

function groupBySet(moved: readonly MemberChange[]): MovedMembers {
  const addresses = new Map<SetId, readonly Prefix[]>();
  const ports = new Set<SetId>();
  for (const change of moved) {
    if (change.kind === 'ports') ports.add(change.setId);
    else addresses.set(change.setId, [...(addresses.get(change.setId) ?? []), ...change.added, ...change.removed]);
  }
  return { addresses, ports };
}

/** Whether at most members of sets are others. */
function hasSameRules(before: PolicyIntent, after: PolicyIntent): boolean {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof PolicyIntent>;
  return [...names].every((name) => before[name] === after[name]);
}

function equalRates(a: PolicyIntent['logRate'], b: PolicyIntent['logRate']): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isSameArray<T>(a: readonly T[], b: readonly T[]): boolean {
  return a === b || (a.length === b.length && a.every((each, i) => each === b[i]));
}

function sameList(a: ListPlace, b: ListPlace): boolean {
  return a.place === b.place && sameRules(a.head, b.head) && sameRules(a.tail, b.tail);
}
