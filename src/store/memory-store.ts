/**
 * A Store in memory: for files, for tests, and as the plainest statement of what a driver does.
 *
 * Invariant: as the port says; nothing is durable. Watchers are told after the commit, never from within it.
 */
import { err, ok, type Result } from '../result.ts';
import type { Store, StoreChange, StoreEntry, StoreError, Watch, WatchEvent } from './store.ts';
import { changedKey, compareKeys, planTransaction } from './transaction.ts';

export interface MemoryStoreOptions {
  /** How many transactions a late watcher can still be told; older ones are compacted. 10,000 unless said. */
  readonly keptRevisions?: number;
}

interface Watcher {
  readonly prefix: string;
  readonly onEvent: (event: WatchEvent) => void;
  /** The last revision delivered, or looked at in vain. */
  seen: number;
}

/** An empty store of its own. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const keptRevisions = options.keptRevisions ?? 10_000;
  const entries = new Map<string, StoreEntry>();
  /** Changes by revision, from the oldest kept one on. */
  const log = new Map<number, readonly StoreChange[]>();
  const watchers = new Set<Watcher>();
  let revision = 0;
  let closed = false;

  function write(changes: readonly StoreChange[]): void {
    revision += 1;
    log.set(revision, changes);
    log.delete(revision - keptRevisions);
    for (const change of changes) {
      if (change.kind === 'put') entries.set(change.entry.key, change.entry);
      else entries.delete(change.key);
    }
  }

  function deliver(watcher: Watcher): void {
    while (watchers.has(watcher) && watcher.seen < revision) {
      const changes = log.get(watcher.seen + 1);
      if (changes === undefined) {
        fail(watcher, { kind: 'compacted', revision: watcher.seen });
        return;
      }
      watcher.seen += 1;
      const concerned = changes.filter((change) => changedKey(change).startsWith(watcher.prefix));
      if (concerned.length > 0) watcher.onEvent({ kind: 'changes', revision: watcher.seen, changes: concerned });
    }
  }

  function fail(watcher: Watcher, error: StoreError): void {
    watchers.delete(watcher);
    watcher.onEvent({ kind: 'failed', error });
  }

  function soon(action: () => void): void {
    void Promise.resolve().then(action);
  }

  return {
    get: async (key) => (closed ? err(isClosed) : ok(entries.get(key))),

    list: async (prefix) => {
      if (closed) return err(isClosed);
      const found = [...entries.values()].filter((entry) => entry.key.startsWith(prefix));
      return ok({ entries: found.sort((a, b) => compareKeys(a.key, b.key)), revision });
    },

    scan: async (prefix, visit) => {
      if (closed) return err(isClosed);
      const found = [...entries.values()].filter((entry) => entry.key.startsWith(prefix));
      for (const entry of found.sort((a, b) => compareKeys(a.key, b.key))) visit(entry);
      return ok(revision);
    },

    commit: async (writes): Promise<Result<number, StoreError>> => {
      if (closed) return err(isClosed);
      const plan = planTransaction(writes, revision + 1, (key) => entries.get(key)?.revision);
      if (!plan.ok) return plan;
      if (plan.value.length > 0) {
        write(plan.value);
        for (const watcher of watchers) soon(() => deliver(watcher));
      }
      return ok(revision);
    },

    watch: (prefix, afterRevision, onEvent): Watch => {
      const watcher: Watcher = { prefix, onEvent, seen: afterRevision };
      const ahead = afterRevision > revision;
      watchers.add(watcher);
      soon(() => {
        if (!watchers.has(watcher)) return;
        if (closed) fail(watcher, isClosed);
        // A revision we never gave comes from another store: what changed since then cannot be told.
        else if (ahead) fail(watcher, { kind: 'compacted', revision: afterRevision });
        else deliver(watcher);
      });
      return { close: () => void watchers.delete(watcher) };
    },

    close: async () => {
      closed = true;
      for (const watcher of watchers) soon(() => watchers.has(watcher) && fail(watcher, isClosed));
    },
  };
}

const isClosed: StoreError = { kind: 'unavailable', message: 'the store is closed' };
