/**
 * The classes of one family, and who is to hear of those that come and go.
 *
 *   how members moved ─[ClassFeed.update]→ AddressClasses ─▶ lists, then dispatches, that look at one of a class's selectors
 *
 * Lists hear first: one that is arranged anew gives up its dispatches for new ones, which know the classes already.
 * Invariant: whoever follows a selector hears of every class that has it, once. A class, because it holds who follows.
 */
import type { AddressSet, SetId } from '../intent/policy/policy-intent.ts';
import type { Family } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { type AddressClass, AddressClasses, type ClassChanges } from './address-classes.ts';

export interface ClassFollower {
  /** Of all changes at once, also those it does not care for. */
  hear(changes: ClassChanges): void;
}

export class ClassFeed {
  readonly family: Family;
  readonly classes: AddressClasses;
  readonly lists = new FollowerIndex();
  readonly dispatches = new FollowerIndex();

  constructor(family: Family) {
    this.family = family;
    this.classes = new AddressClasses(family);
  }

  all(): Iterable<AddressClass> {
    return this.classes.all();
  }

  /** As AddressClasses.update, and tells who follows. */
  update(sets: readonly AddressSet[], moved: ReadonlyMap<SetId, readonly Prefix[]>): void {
    const changes = this.classes.update(sets, moved);
    if (changes.came.length + changes.went.length === 0) return;
    this.lists.tell(changes);
    this.dispatches.tell(changes);
  }
}

export class FollowerIndex {
  readonly #bySelector = new Map<SetId, Set<ClassFollower>>();
  readonly #followed = new Map<ClassFollower, Iterable<SetId>>();

  get size(): number {
    return this.#followed.size;
  }

  /** The ids must not change until it leaves. */
  follow(follower: ClassFollower, ids: Iterable<SetId>): void {
    this.#followed.set(follower, ids);
    for (const id of ids) {
      const known = this.#bySelector.get(id);
      if (known) known.add(follower);
      else this.#bySelector.set(id, new Set([follower]));
    }
  }

  leave(follower: ClassFollower): void {
    for (const id of this.#followed.get(follower) ?? []) {
      const known = this.#bySelector.get(id);
      known?.delete(follower);
      if (known?.size === 0) this.#bySelector.delete(id);
    }
    this.#followed.delete(follower);
  }

  tell(changes: ClassChanges): void {
    const followers = new Set<ClassFollower>();
    for (const { ids } of [...changes.came, ...changes.went]) {
      for (const id of ids) for (const follower of this.#bySelector.get(id) ?? []) followers.add(follower);
    }
    // One may have left because another heard.
    for (const follower of followers) if (this.#followed.has(follower)) follower.hear(changes);
  }
}
