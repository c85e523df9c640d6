/**
 * Two inverted lists: owners by label, and selectors by the labels they demand.
 *
 *   Owner.labels → OwnerPostings → candidates for a new selector
 *   Selector     → SelectorPostings → candidates for a new or changed owner
 *
 * Invariant: an entry stands under exactly the postings it was added with; a list that runs empty is dropped.
 */
import type { Posting } from './requirement.ts';

/** What an owner's entry must offer to be listed. */
export interface Labelled {
  readonly labels: ReadonlyMap<string, string>;
}

/** Owners by the values of one label. */
class ValueLists<E> {
  readonly byValue = new Map<string, Set<E>>();
  size = 0;

  add(value: string, entry: E): void {
    const list = this.byValue.get(value);
    if (list) list.add(entry);
    else this.byValue.set(value, new Set([entry]));
    this.size++;
  }

  delete(value: string, entry: E): void {
    const list = this.byValue.get(value);
    if (!list?.delete(entry)) return;
    this.size--;
    if (list.size === 0) this.byValue.delete(value);
  }
}

/** Only labels that some selector demands are listed; the first demand for a label lists the owners there are. */
export class OwnerPostings<E extends Labelled> {
  private readonly byKey = new Map<string, ValueLists<E>>();
  private readonly owners: () => Iterable<E>;

  constructor(owners: () => Iterable<E>) {
    this.owners = owners;
  }

  add(entry: E, labels: ReadonlyMap<string, string>): void {
    for (const [key, lists] of this.byKey) {
      const value = labels.get(key);
      if (value !== undefined) lists.add(value, entry);
    }
  }

  delete(entry: E, labels: ReadonlyMap<string, string>): void {
    for (const [key, lists] of this.byKey) {
      const value = labels.get(key);
      if (value !== undefined) lists.delete(value, entry);
    }
  }

  change(entry: E, key: string, before: string | undefined, after: string | undefined): void {
    const lists = this.byKey.get(key);
    if (!lists) return;
    if (before !== undefined) lists.delete(before, entry);
    if (after !== undefined) lists.add(after, entry);
  }

  count(posting: Posting): number {
    const lists = this.lists(posting.key);
    return posting.value === undefined ? lists.size : (lists.byValue.get(posting.value)?.size ?? 0);
  }

  *find(posting: Posting): Iterable<E> {
    const lists = this.lists(posting.key);
    if (posting.value !== undefined) yield* lists.byValue.get(posting.value) ?? [];
    else for (const list of lists.byValue.values()) yield* list;
  }

  private lists(key: string): ValueLists<E> {
    const known = this.byKey.get(key);
    if (known) return known;
    const lists = new ValueLists<E>();
    for (const entry of this.owners()) {
      const value = entry.labels.get(key);
      if (value !== undefined) lists.add(value, entry);
    }
    this.byKey.set(key, lists);
    return lists;
  }
}

/** Selectors under (label, value), under (label, any value), and under a label they only look at. */
export class SelectorPostings<E> {
  private readonly byValue = new Map<string, ValueLists<E>>();
  private readonly byPresence = new Map<string, Set<E>>();

  add(posting: Posting, entry: E): void {
    if (posting.value === undefined) {
      addTo(this.byPresence, posting.key, entry);
      return;
    }
    const lists = this.byValue.get(posting.key) ?? new ValueLists<E>();
    this.byValue.set(posting.key, lists);
    lists.add(posting.value, entry);
  }

  delete(posting: Posting, entry: E): void {
    if (posting.value === undefined) deleteFrom(this.byPresence, posting.key, entry);
    else this.byValue.get(posting.key)?.delete(posting.value, entry);
  }

  count(posting: Posting): number {
    if (posting.value === undefined) return this.byPresence.get(posting.key)?.size ?? 0;
    return this.byValue.get(posting.key)?.byValue.get(posting.value)?.size ?? 0;
  }

  /** Calls `visit` for every selector that a label with this value may satisfy. */
  visit(key: string, value: string, visit: (entry: E) => void): void {
    for (const entry of this.byValue.get(key)?.byValue.get(value) ?? []) visit(entry);
    for (const entry of this.byPresence.get(key) ?? []) visit(entry);
  }
}

export function addTo<E>(lists: Map<string, Set<E>>, key: string, entry: E): void {
  const list = lists.get(key);
  if (list) list.add(entry);
  else lists.set(key, new Set([entry]));
}

export function deleteFrom<E>(lists: Map<string, Set<E>>, key: string, entry: E): void {
  const list = lists.get(key);
  if (list?.delete(entry) && list.size === 0) lists.delete(key);
}
