/**
 * A large map of which every version is a value, and the next version costs as much as what it changes.
 *
 *   VersionedMap ─[with(changes)]→ the next VersionedMap ─[movedKeys]→ what differs, for diff and hash
 *
 * The newest version owns the one Map there is; an older one holds what to undo and which version came next (Baker 1991,
 * "Shallow binding makes functional arrays fast"). So a reader of the newest pays nothing, one of an older version a second
 * lookup, and versions nobody holds are garbage.
 * Invariant: no version ever changes for who reads it, whatever was made from it; a value is never undefined.
 */
export class VersionedMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number;
  #state: Newest<K, V> | Older<K, V>;

  private constructor(own: Map<K, V>) {
    this.#state = { own };
    this.size = own.size;
  }

  /** Takes the map over: the caller must not change it any more. */
  static of<K, V>(own: Map<K, V>): VersionedMap<K, V> {
    return new VersionedMap(own);
  }

  /** The version with these keys set, or absent where undefined. Only made from the newest is it cheap; else all is copied. */
  with(changes: ReadonlyMap<K, V | undefined>): VersionedMap<K, V> {
    const state = this.#state;
    // Nothing to undo but all of it.
    if (this.size === 0) return VersionedMap.#filled(this, changes);
    const own = 'own' in state ? state.own : new Map(this);
    const undo = new Map<K, V | undefined>();
    for (const [key, value] of changes) {
      const before = own.get(key);
      if (before === value) continue;
      undo.set(key, before);
      if (value === undefined) own.delete(key);
      else own.set(key, value);
    }
    if (undo.size === 0) return this;
    const next = new VersionedMap(own);
    if ('own' in state) this.#state = { undo, next };
    return next;
  }

  static #filled<K, V>(empty: VersionedMap<K, V>, changes: ReadonlyMap<K, V | undefined>): VersionedMap<K, V> {
    const own = new Map<K, V>();
    for (const [key, value] of changes) if (value !== undefined) own.set(key, value);
    return own.size === 0 ? empty : new VersionedMap(own);
  }

  get(key: K): V | undefined {
    const state = this.#path();
    if ('own' in state) return state.own.get(key);
    return state.undo.has(key) ? state.undo.get(key) : state.next.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  entries(): MapIterator<[K, V]> {
    return this.#whole().entries();
  }

  keys(): MapIterator<K> {
    return this.#whole().keys();
  }

  values(): MapIterator<V> {
    return this.#whole().values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#whole().entries();
  }

  forEach(see: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this) see(value, key, this);
  }

  /** All keys that may differ between this version and the newest that was made from it, if that is `after`. */
  keysMovedUntil(after: VersionedMap<K, V>): readonly K[] | undefined {
    if (after === this) return [];
    const state = this.#path();
    return 'undo' in state && state.next === after ? [...state.undo.keys()] : undefined;
  }

  /** An older version leads straight to the newest from now on, so that no walk is long twice. */
  #path(): Newest<K, V> | Older<K, V> {
    const state = this.#state;
    if ('own' in state || 'own' in state.next.#state) return state;
    const undo = new Map(state.undo);
    let { next } = state;
    for (let later = next.#state; 'undo' in later; later = next.#state) {
      for (const [key, value] of later.undo) if (!undo.has(key)) undo.set(key, value);
      next = later.next;
    }
    const path = { undo, next };
    this.#state = path;
    return path;
  }

  #whole(): Map<K, V> {
    const state = this.#path();
    if ('own' in state) return state.own;
    const whole = new Map(state.next.#whole());
    for (const [key, value] of state.undo) {
      if (value === undefined) whole.delete(key);
      else whole.set(key, value);
    }
    return whole;
  }
}

interface Newest<K, V> {
  readonly own: Map<K, V>;
}

interface Older<K, V> {
  /** What the next version changed, as it was; undefined where the key was absent. */
  readonly undo: ReadonlyMap<K, V | undefined>;
  readonly next: VersionedMap<K, V>;
}

/** Keys outside of which the maps are equal; undefined where `after` is not the newest that was made from `before`. */
export function movedKeys<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): readonly K[] | undefined {
  if (before === after) return [];
  if (!(before instanceof VersionedMap) || !(after instanceof VersionedMap)) return undefined;
  return before.keysMovedUntil(after);
}
