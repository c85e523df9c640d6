/**
 * A Store in a directory of this machine (LMDB), shared by several processes: agents and the command.
 *
 *   commit → one LMDB write transaction: preconditions, entries, log → fsync → doorbell → watchers of every process
 *
 * Invariant: a commit is acknowledged only after LMDB has synced it, and LMDB's transactions are atomic under kill -9, so
 * nothing acknowledged is lost and nothing is torn. Watchers read the log from the last revision they saw; the doorbell
 * file and the slow poll only say when to look, so lost or doubled wake-ups change nothing but the delay.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok, type Result } from '../result.ts';
import type { Store, StoreChange, StoreEntry, StoreError, Watch, WatchEvent } from '../store/store.ts';
import { changedKey, planTransaction } from '../store/transaction.ts';
import { type Doorbell, openDoorbell } from './doorbell.ts';
import { dataFile, type LmdbTables, openLmdbTables } from './lmdb-tables.ts';

export interface EmbeddedStoreOptions {
  /** How many transactions a late watcher can still be told; older ones are compacted. 10,000 unless said. */
  readonly keptRevisions?: number;
  /** Most bytes of values those transactions may hold; 64 MiB unless said. The newest one is always kept. */
  readonly keptBytes?: number;
  /** How often to look for other processes' commits when no doorbell rang, in milliseconds; 500 unless said. */
  readonly pollInterval?: number;
  /** Fails where there is no store yet instead of making one; false unless said. */
  readonly mustExist?: boolean;
}

interface Watcher {
  readonly prefix: string;
  readonly onEvent: (event: WatchEvent) => void;
  /** The last revision delivered, or looked at in vain. */
  seen: number;
}

/**
 * Opens the store in a directory, which is made (mode 0700, files 0600) when it is not there.
 *
 * @returns `unavailable`, saying why, when the directory cannot be used, holds something else, or no store that must exist
 */
export async function openEmbeddedStore(
  directory: string,
  options: EmbeddedStoreOptions = {},
): Promise<Result<Store, StoreError>> {
  if (options.mustExist && !existsSync(join(directory, dataFile))) {
    return err({
      kind: 'unavailable',
      message: `there is no store in ${directory}: the first causeway apply makes it`,
    });
  }
  const opened = await openLmdbTables(directory);
  if (!opened.ok) return opened;
  return ok(new EmbeddedStore(opened.value, options));
}

class EmbeddedStore implements Store {
  readonly #tables: LmdbTables;
  readonly #keep: { readonly revisions: number; readonly bytes: number };
  readonly #pollInterval: number;
  readonly #watchers = new Set<Watcher>();
  #doorbell: Doorbell | undefined;
  #delivery: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(tables: LmdbTables, options: EmbeddedStoreOptions) {
    this.#tables = tables;
    this.#keep = { revisions: options.keptRevisions ?? 10_000, bytes: options.keptBytes ?? 64 * 1024 * 1024 };
    this.#pollInterval = options.pollInterval ?? 500;
  }

  async get(key: string): Promise<Result<StoreEntry | undefined, StoreError>> {
    return this.#attempt(() => {
      this.#tables.refresh();
      return ok(this.#tables.get(key));
    });
  }

  async list(prefix: string) {
    const entries: StoreEntry[] = [];
    const scanned = await this.scan(prefix, (entry) => void entries.push(entry));
    return scanned.ok ? ok({ entries, revision: scanned.value }) : scanned;
  }

  async scan(prefix: string, visit: (entry: StoreEntry) => void): Promise<Result<number, StoreError>> {
    return this.#attempt(() => {
      this.#tables.refresh();
      this.#tables.scan(prefix, visit);
      return ok(this.#tables.meta().revision);
    });
  }

  async commit(writes: Parameters<Store['commit']>[0]): Promise<Result<number, StoreError>> {
    const committed = this.#attempt(() =>
      this.#tables.transact((): Result<{ changed: boolean; revision: number }, StoreError> => {
        const { revision } = this.#tables.meta();
        const plan = planTransaction(writes, revision + 1, (key) => this.#tables.get(key)?.revision);
        if (!plan.ok) return plan;
        if (plan.value.length === 0) return ok({ changed: false, revision });
        this.#tables.write(revision + 1, plan.value, this.#keep);
        return ok({ changed: true, revision: revision + 1 });
      }),
    );
    if (!committed.ok) return committed;
    if (committed.value.changed) {
      this.#tables.ring();
      if (committed.value.revision % 256 === 0) this.#tables.sweepReaders();
      this.#deliverSoon();
    }
    return ok(committed.value.revision);
  }

  watch(prefix: string, afterRevision: number, onEvent: (event: WatchEvent) => void): Watch {
    const watcher: Watcher = { prefix, onEvent, seen: afterRevision };
    this.#watchers.add(watcher);
    if (!this.#closed) {
      this.#doorbell ??= openDoorbell(this.#tables.doorbellPath, this.#pollInterval, () => this.#deliverSoon());
    }
    this.#deliverSoon();
    return {
      close: () => {
        this.#watchers.delete(watcher);
        this.#silenceWhenIdle();
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#deliverSoon();
    await this.#tables.close();
  }

  #deliverSoon(): void {
    if (this.#watchers.size === 0) return;
    this.#delivery ??= setImmediate(() => {
      this.#delivery = undefined;
      this.#deliver();
    });
  }

  #deliver(): void {
    const lost = this.#closed ? isClosed : this.#tables.lost();
    if (lost !== undefined) {
      for (const watcher of [...this.#watchers]) this.#fail(watcher, lost);
      return;
    }
    for (const watcher of [...this.#watchers]) this.#deliverTo(watcher);
  }

  /** Reads in portions, each from one view of the store, so that what a watcher does in between may take its time. */
  #deliverTo(watcher: Watcher): void {
    for (;;) {
      if (this.#closed || !this.#watchers.has(watcher)) return;
      const read = this.#attempt(() => {
        this.#tables.refresh();
        const { revision, compacted } = this.#tables.meta();
        // A revision we never gave comes from another store: what changed since then cannot be told.
        if (watcher.seen < compacted || watcher.seen > revision) {
          return err({ kind: 'compacted' as const, revision: watcher.seen });
        }
        return ok(this.#tables.changesAfter(watcher.seen, 100));
      });
      if (!read.ok) {
        this.#fail(watcher, read.error);
        return;
      }
      if (read.value.length === 0) return;
      for (const { revision, changes } of read.value) {
        if (!this.#watchers.has(watcher)) return;
        watcher.seen = revision;
        tell(watcher, revision, changes);
      }
    }
  }

  #fail(watcher: Watcher, error: StoreError): void {
    if (!this.#watchers.delete(watcher)) return;
    this.#silenceWhenIdle();
    watcher.onEvent({ kind: 'failed', error });
  }

  #silenceWhenIdle(): void {
    if (this.#watchers.size > 0) return;
    this.#doorbell?.close();
    this.#doorbell = undefined;
  }

  #attempt<T>(action: () => Result<T, StoreError>): Result<T, StoreError> {
    if (this.#closed) return err(isClosed);
    return this.#tables.attempt(action);
  }
}

const isClosed: StoreError = { kind: 'unavailable', message: 'the store is closed' };

function tell(watcher: Watcher, revision: number, changes: readonly StoreChange[]): void {
  const concerned = changes.filter((change) => changedKey(change).startsWith(watcher.prefix));
  if (concerned.length > 0) watcher.onEvent({ kind: 'changes', revision, changes: concerned });
}
