/**
 * Chains and maps of a ruleset by name, and how many parts of it need each.
 *
 *   parts ─[add, remove]→ ObjectRegistry ─[chains, maps]→ the next ruleset's
 *
 * Invariant: an object is there as long as a part needs it, as whoever came last declares it. Parts that live together and share a
 * name mean the same. A class, because it counts across rulesets.
 */
import type { Chain, Rule, VerdictMap } from './ruleset.ts';
import { sameChain, settleElements } from './same-objects.ts';
import { VersionedMap } from './versioned-map.ts';

/** What a part of a ruleset declares. */
export interface Part {
  readonly chains: Iterable<Chain>;
  readonly maps: Iterable<VerdictMap>;
}

interface Named {
  readonly name: string;
}

export class ObjectRegistry<T extends Named> {
  /** The object as it was if the two say the same, else the new one, sharing what it can. */
  readonly #settle: (before: T, after: T) => T;
  #version: VersionedMap<string, T> = VersionedMap.of(new Map());
  readonly #counts = new Map<string, number>();
  readonly #changes = new Map<string, T | undefined>();

  constructor(settle: (before: T, after: T) => T) {
    this.#settle = settle;
  }

  add(object: T): void {
    const count = this.#counts.get(object.name) ?? 0;
    this.#counts.set(object.name, count + 1);
    if (count === 0 || this.get(object.name) !== object) this.#changes.set(object.name, object);
  }

  remove({ name }: Named): void {
    const count = (this.#counts.get(name) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(name, count);
      return;
    }
    this.#counts.delete(name);
    this.#changes.set(name, undefined);
  }

  /** The object under its name is this now. */
  replace(object: T): void {
    this.#changes.set(object.name, object);
  }

  get(name: string): T | undefined {
    return this.#changes.has(name) ? this.#changes.get(name) : this.#version.get(name);
  }

  /** All that is needed now; the very object of before if nothing changed. */
  take(): VersionedMap<string, T> {
    for (const [name, after] of this.#changes) {
      const before = this.#version.get(name);
      if (before && after && before !== after) this.#changes.set(name, this.#settle(before, after));
    }
    this.#version = this.#version.with(this.#changes);
    this.#changes.clear();
    return this.#version;
  }
}

/** All chains and maps that parts of a ruleset need, and the names of sets that their rules ask. */
export class RulesetObjects {
  readonly chains = new ObjectRegistry<Chain>(settleChain);
  readonly maps = new ObjectRegistry<VerdictMap>(settleMap);
  readonly #asked = new Map<string, number>();
  #isAskedAnew = false;

  add({ chains, maps }: Part): void {
    for (const chain of chains) {
      this.chains.add(chain);
      for (const name of setsAsked(chain.rules)) {
        const count = this.#asked.get(name) ?? 0;
        if (count === 0) this.#isAskedAnew = true;
        this.#asked.set(name, count + 1);
      }
    }
    for (const map of maps) this.maps.add(map);
  }

  remove({ chains, maps }: Part): void {
    for (const chain of chains) {
      this.chains.remove(chain);
      for (const name of setsAsked(chain.rules)) {
        const count = (this.#asked.get(name) ?? 0) - 1;
        this.#asked.set(name, count);
        if (count > 0) continue;
        this.#asked.delete(name);
        this.#isAskedAnew = true;
      }
    }
    for (const map of maps) this.maps.remove(map);
  }

  asked(): { has(name: string): boolean } {
    return this.#asked;
  }

  /** Whether other sets are asked than the last time. */
  takeAskedAnew(): boolean {
    const isAskedAnew = this.#isAskedAnew;
    this.#isAskedAnew = false;
    return isAskedAnew;
  }
}

function* setsAsked(rules: readonly Rule[]): Iterable<string> {
  for (const { matches } of rules) {
    for (const match of matches) {
      if (match.kind === 'tuple') yield match.set;
      if (match.kind === 'address' && 'set' in match.in) yield match.in.set;
    }
  }
}

function settleChain(before: Chain, after: Chain): Chain {
  return sameChain(before, after) ? before : after;
}

function settleMap(before: VerdictMap, after: VerdictMap): VerdictMap {
  const elements = settleElements(before.elements, after.elements);
  const isSame = before.isInterval === after.isInterval && before.isUncounted === after.isUncounted;
  return isSame && elements === before.elements ? before : { ...after, elements };
}
