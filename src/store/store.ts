/**
 * The Store port: where resources live.
 *
 * Ordered string keys, each with a JSON text and the revision of its last write; compare-and-swap; transactions over many
 * keys; list and watch without a gap between them. Drivers: memory and embedded today; etcd and Kubernetes fit the same port.
 *
 * Invariant: revisions only grow, one per transaction; a transaction happens whole or not at all; what was acknowledged is
 * durable (as far as the driver says); a watch that starts at revision R delivers every later transaction, in order, once.
 */
import type { Result } from '../result.ts';

export interface StoreEntry {
  readonly key: string;
  readonly value: string;
  /** Revision of the transaction that last wrote the key. */
  readonly revision: number;
}

/** What must be true of a key for a transaction to happen: whatever, absent, present, or last written at that revision. */
export type Precondition = 'any' | 'absent' | 'present' | { readonly revision: number };

export type StoreWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly expect: Precondition }
  | { readonly kind: 'delete'; readonly key: string; readonly expect: Precondition }
  /** Writes nothing, but the whole transaction fails unless it holds. */
  | { readonly kind: 'check'; readonly key: string; readonly expect: Precondition };

export type StoreChange =
  | { readonly kind: 'put'; readonly entry: StoreEntry }
  | { readonly kind: 'delete'; readonly key: string; readonly revision: number };

export type StoreError =
  /** A precondition did not hold; nothing was written. `found` is the key's revision, undefined when absent. */
  | {
      readonly kind: 'conflict';
      readonly key: string;
      readonly expect: Precondition;
      readonly found: number | undefined;
    }
  /** The store cannot be reached or is closed. */
  | { readonly kind: 'unavailable'; readonly message: string }
  /** The store can no longer tell what changed since that revision: list again. */
  | { readonly kind: 'compacted'; readonly revision: number };

export interface StoreListing {
  /** In key order. */
  readonly entries: readonly StoreEntry[];
  /** The store's revision that the listing shows; watch from here. */
  readonly revision: number;
}

export type WatchEvent =
  /** One transaction's changes under the prefix, in key order. */
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly StoreChange[] }
  /** The watch has ended; `compacted` means list again. */
  | { readonly kind: 'failed'; readonly error: StoreError };

export interface Watch {
  close(): void;
}

export interface Store {
  get(key: string): Promise<Result<StoreEntry | undefined, StoreError>>;
  list(prefix: string): Promise<Result<StoreListing, StoreError>>;
  /**
   * Shows what `list` would list one entry after the other, and gives the revision: for those who need not have all entries
   * in memory at once. `visit` must not call the store.
   */
  scan(prefix: string, visit: (entry: StoreEntry) => void): Promise<Result<number, StoreError>>;
  /**
   * Performs all writes in one transaction, or none; gives the new revision. A key may occur once. A transaction that
   * changes nothing (checks, deletions of absent keys) takes no revision and gives the current one.
   */
  commit(writes: readonly StoreWrite[]): Promise<Result<number, StoreError>>;
  /**
   * Delivers every transaction after `afterRevision` that touches the prefix, never from within this call. A revision the
   * store has not reached yet fails as `compacted`: it was given by another store.
   */
  watch(prefix: string, afterRevision: number, onEvent: (event: WatchEvent) => void): Watch;
  close(): Promise<void>;
}
