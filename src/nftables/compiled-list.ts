/**
 * A list of rules as chains and maps in one place of evaluation.
 *
 *   RuleList × PlaceRules ─[CompiledList]→ a chain, its maps, and a chain for each class of addresses that it dispatches
 *
 *   chain: class of the source, by host   vmap @…-from { class : goto chain of its combination }
 *          class of the source, by prefix vmap @…-from
 *          no class; the rest of the list
 *
 * A host whose class leads nowhere is asked for again by prefix, and finds nothing, since its class counts the prefixes around
 * it. What follows a dispatch is in each of its chains too if that is short, so that nothing has to come back; otherwise the
 * list jumps to a chain that does the above, and asks the mark whether that decided.
 *
 * Invariants: chains are named by the selectors they stand for, so that an edit of a rule changes chains in place; a class that
 * comes or goes changes elements, and chains only with its combination. A class, because it follows its RuleList.
 */
import type { LogRate } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import type { AddressClass } from './address-classes.ts';
import type { DispatchBlock } from './block.ts';
import { compileBlocks } from './compile-rules.ts';
import { emptyDraft } from './draft.ts';
import { printKey } from './keys.ts';
import { markBits } from './marks.ts';
import { classMapName, objectName } from './names.ts';
import type { Part, RulesetObjects } from './object-registry.ts';
import type { Combination, DispatchPlan, RuleList } from './rule-list.ts';
import type { Field, MapElement, Rule, Side, VerdictMap } from './ruleset.ts';
import { sameRules, settleElements } from './same-objects.ts';
import type { Decision, PlaceRules } from './stages.ts';
import { VersionedMap } from './versioned-map.ts';

export interface ListContext {
  readonly objects: RulesetObjects;
  /** Of each Log rule. */
  readonly logRate: LogRate | undefined;
  /** The selector's text, for names. */
  readonly selectorText: (id: string) => string;
}

/** Where a list stands. */
export interface ListPlace {
  readonly place: PlaceRules;
  readonly chain: string;
  /** Before the rules of the list, and after them. */
  readonly head: readonly Rule[];
  readonly tail: readonly Rule[];
}

/** The chains of a dispatch that may still be good, and what they were compiled for. */
interface Released {
  readonly place: PlaceRules;
  readonly tail: readonly Rule[];
  readonly chains: Map<string, CompiledList>;
  readonly elements: VersionedMap<string, MapElement>;
}

export class CompiledList {
  readonly list: RuleList;
  readonly at: ListPlace;
  readonly #context: ListContext;
  #part: Part = { chains: [], maps: [] };
  #dispatches: ReadonlyMap<string, CompiledDispatch> = new Map();

  /** Takes the place of `previous`, and its chains as far as they are the same; that must not be used any more. */
  constructor(context: ListContext, list: RuleList, at: ListPlace, previous?: CompiledList) {
    this.list = list;
    this.at = at;
    this.#context = context;
    list.places.add(this);
    const released = previous ? previous.#release() : new Map<string, Released>();
    previous?.dispose();
    this.#compile(released);
  }

  /** Anew, after the list was arranged anew. */
  recompile(): void {
    const released = this.#release();
    this.#clear();
    this.#compile(released);
  }

  dispose(): void {
    this.list.places.delete(this);
    this.#clear();
  }

  #compile(released: ReadonlyMap<string, Released>): void {
    const { place, chain, head, tail } = this.at;
    const context = this.#context;
    const draft = emptyDraft(context.logRate);
    const dispatches = new Map<string, CompiledDispatch>();
    const compileDispatch = (
      block: DispatchBlock,
      name: string,
      rest: readonly Rule[] | undefined,
    ): readonly Rule[] => {
      const plan = this.list.dispatches.get(block);
      if (!plan) throw new Error(`no plan for dispatch ${name}`);
      const rules = dispatchRules(this.list.family, block.side, name);
      const inside = rest ? { place, tail: rest } : { place: passingOut(place), tail: [] };
      dispatches.set(name, new CompiledDispatch(context, plan, name, inside, released.get(name)));
      if (rest) return rules;
      draft.chains.set(name, { name, rules });
      return jumpRules(place, name, block);
    };
    const isInside = this.list.depth > 0;
    const rules = compileBlocks(draft, place, chain, this.list.blocks, tail, isInside, compileDispatch);
    // Who came by class is to lose it, unless the first thing is to look for another.
    const isClassed = isInside && this.list.blocks[0]?.kind !== 'dispatch';
    draft.chains.set(chain, { name: chain, rules: [...head, ...(isClassed ? [noClass] : []), ...rules] });
    for (const { chains } of released.values()) for (const each of chains.values()) each.dispose();
    this.#part = { chains: [...draft.chains.values()], maps: [...draft.maps.values()] };
    this.#dispatches = dispatches;
    context.objects.add(this.#part);
  }

  #release(): Map<string, Released> {
    return new Map([...this.#dispatches].map(([name, dispatch]) => [name, dispatch.release()]));
  }

  #clear(): void {
    for (const dispatch of this.#dispatches.values()) dispatch.dispose();
    this.#context.objects.remove(this.#part);
    this.#dispatches = new Map();
    this.#part = { chains: [], maps: [] };
  }
}

/** The verdict map of one dispatch, and the chains it leads to. */
export class CompiledDispatch {
  readonly #context: ListContext;
  readonly #plan: DispatchPlan;
  readonly #name: string;
  readonly #place: PlaceRules;
  readonly #tail: readonly Rule[];
  readonly #chains = new Map<string, CompiledList>();
  #elements: VersionedMap<string, MapElement>;

  constructor(
    context: ListContext,
    plan: DispatchPlan,
    name: string,
    { place, tail }: Pick<ListPlace, 'place' | 'tail'>,
    released: Released | undefined,
  ) {
    this.#context = context;
    this.#plan = plan;
    this.#name = name;
    this.#place = place;
    this.#tail = tail;
    plan.places.add(this);
    const isGood = released?.place === place && sameRules(released.tail, tail);
    const elements = new Map<string, MapElement>();
    for (const combination of plan.combinations.values()) {
      const known = released?.chains.get(combination.text);
      released?.chains.delete(combination.text);
      if (isGood && known?.list === combination.list) this.#chains.set(combination.text, known);
      const { chain } = this.#chainOf(combination, known).at;
      const verdict = { kind: 'goto', chain } as const;
      for (const { key } of combination.classes) elements.set(printKey(key), { key, verdict });
    }
    const settled = settleElements(released?.elements ?? new Map(), elements);
    this.#elements = settled instanceof VersionedMap ? settled : VersionedMap.of(elements);
    context.objects.maps.add(this.#map());
  }

  move(came: ReadonlyMap<AddressClass, Combination>, went: ReadonlyMap<AddressClass, Combination>): void {
    const changes = new Map<string, MapElement | undefined>();
    for (const { key } of went.keys()) changes.set(printKey(key), undefined);
    for (const [{ key }, combination] of came) {
      const { chain } = this.#chainOf(combination).at;
      changes.set(printKey(key), { key, verdict: { kind: 'goto', chain } });
    }
    for (const { text, list } of went.values()) {
      const known = this.#chains.get(text);
      if (known?.list !== list || this.#plan.combinations.get(text)?.list === list) continue;
      known.dispose();
      this.#chains.delete(text);
    }
    this.#elements = this.#elements.with(changes);
    this.#context.objects.maps.replace(this.#map());
  }

  /** Gives its chains away; to be disposed of afterwards. */
  release(): Released {
    const chains = new Map(this.#chains);
    this.#chains.clear();
    return { place: this.#place, tail: this.#tail, chains, elements: this.#elements };
  }

  dispose(): void {
    this.#plan.places.delete(this);
    for (const chain of this.#chains.values()) chain.dispose();
    this.#context.objects.maps.remove(this.#map());
  }

  #map(): VerdictMap {
    const fields: readonly Field[] = [{ kind: 'class' }];
    return { name: this.#name, fields, isInterval: false, isUncounted: true, elements: this.#elements };
  }

  #chainOf({ text, ids, list }: Combination, previous?: CompiledList): CompiledList {
    const known = this.#chains.get(text);
    if (known?.list === list) return known;
    const words = ids.map((id) => this.#context.selectorText(id)).join(' and ');
    const stem = words.replace(/[^a-zA-Z0-9_.]+/g, '-').replace(/^-|-$/g, '');
    const chain = objectName(`${this.#place.place}-class`, stem, [this.#name, ...ids].join('\n'));
    const at: ListPlace = { place: this.#place, chain, head: [], tail: this.#tail };
    const compiled = new CompiledList(this.#context, list, at, known ?? previous);
    this.#chains.set(text, compiled);
    return compiled;
  }
}

/** An address that the maps do not have leaves the rule before its lookup. */
function dispatchRules(family: Family, side: Side, map: string): readonly Rule[] {
  const fields: readonly Field[] = [{ kind: 'class' }];
  const lookups = (['hosts', 'prefixes'] as const).map((holds): Rule => {
    const statement = { kind: 'class', family, side, map: classMapName(family, holds) } as const;
    return { matches: [], statements: [statement], outcome: { kind: 'lookup', map, fields } };
  });
  return [...lookups, noClass];
}

const noClass: Rule = { matches: [], statements: [{ kind: 'no-class' }] };

const passOut: Decision = {
  statements: [{ kind: 'mark', clear: 0, set: markBits.passed }],
  outcome: { kind: 'return' },
};

const passing = new WeakMap<PlaceRules, PlaceRules>();

/** The place inside a chain that the list jumps to; the very same each time. */
function passingOut(place: PlaceRules): PlaceRules {
  const known = passing.get(place) ?? { ...place, pass: passOut };
  passing.set(place, known);
  return known;
}

/** A decision that only returns from its chain must end the list as well; a mark tells it from no decision. */
function jumpRules(place: PlaceRules, chain: string, { rules }: DispatchBlock): readonly Rule[] {
  const canPass = rules.some(({ action }) => action === 'Pass');
  const canReturnAllow = place.allowReturns && rules.some(({ action }) => action === 'Allow');
  const mask = (canPass ? markBits.passed : 0) | (canReturnAllow ? markBits.accept : 0);
  const clear: Rule = { matches: [], statements: [{ kind: 'mark', clear: markBits.passed, set: 0 }] };
  const jump: Rule = { matches: [], statements: [], outcome: { kind: 'jump', chain } };
  const leave: Rule = { matches: [{ kind: 'mark', mask, isSet: true }], statements: [], outcome: { kind: 'return' } };
  return [...(canPass ? [clear] : []), jump, ...(mask === 0 ? [] : [leave])];
}
