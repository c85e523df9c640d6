/**
 * The three LMDB tables behind the embedded store: entries, the log of transactions, and one record about both.
 *
 * Invariant: everything here is synchronous and either inside `transact` or a read of one consistent view; `refresh` moves
 * to the newest view. Keys are raw bytes, so that LMDB sorts by UTF-8 as the port demands.
 *
 * Opening and committing exclude each other by a lock of our own. LMDB as lmdb-js 3.5.6 carries it sets the shared number
 * of the last transaction anew at every open (mdb_env_open2), outside its writers' mutex: an open that meets a commit can
 * set it back, and the next commit would then overwrite one that was acknowledged.
 */
import { closeSync, constants, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ABORT, type Database, open, type RootDatabase } from 'lmdb';
import { err, ok, type Result } from '../result.ts';
import type { StoreChange, StoreEntry, StoreError } from '../store/store.ts';
import { type FileLock, openFileLock } from './file-lock.ts';
import { damageOf, makePrivateDirectory } from './lmdb-file.ts';

/** The file in a store's directory that holds it all. */
export const dataFile = 'data.mdb';

/** Layout of the tables; a store of another number is left alone. */
const format = 1;

/**
 * Address space reserved, not memory and not disk: with one size in every process the map never has to be moved while
 * others read it.
 */
const mapSize = 16 * 1024 ** 3;

/** LMDB's own limit for a key, in bytes. */
const longestKey = 1978;

/** Resources have far shorter keys than LMDB allows; the log is keyed by the revision as 8 bytes, big end first. */
interface Meta {
  readonly format: number;
  /** Of the last transaction. */
  readonly revision: number;
  /** The last revision the log no longer holds. */
  readonly compacted: number;
  /** Characters the log holds. */
  readonly logSize: number;
}

interface LoggedTransaction {
  readonly revision: number;
  readonly changes: readonly StoreChange[];
}

export interface LmdbTables {
  readonly doorbellPath: string;
  meta(): Meta;
  get(key: string): StoreEntry | undefined;
  /** Every entry whose key begins so, in key order. */
  scan(prefix: string, visit: (entry: StoreEntry) => void): void;
  /** At most `limit` transactions after a revision, in order. */
  changesAfter(revision: number, limit: number): LoggedTransaction[];
  /** Makes the next reads see the newest committed state. */
  refresh(): void;
  /** Runs an action in a write transaction, which is durable when this returns ok and undone when it does not. */
  transact<T>(action: () => Result<T, StoreError>): Result<T, StoreError>;
  /** Only inside `transact`. Puts the changes into entries and log, and drops the oldest of the log. */
  write(revision: number, changes: readonly StoreChange[], keep: { revisions: number; bytes: number }): void;
  /** Turns what LMDB throws (no space, I/O error) into `unavailable`. */
  attempt<T>(action: () => Result<T, StoreError>): Result<T, StoreError>;
  /** Tells other processes to look. */
  ring(): void;
  /** Frees what readers that were killed still hold, so that their pages are used again. */
  sweepReaders(): void;
  /** Why what we have open is no longer what the directory holds; undefined when all is well. */
  lost(): StoreError | undefined;
  close(): Promise<void>;
}

/** Opens or makes the tables in a directory. */
export async function openLmdbTables(directory: string): Promise<Result<LmdbTables, StoreError>> {
  let root: RootDatabase<string, Buffer> | undefined;
  let lock: FileLock | undefined;
  try {
    makePrivateDirectory(directory);
    const held = openFileLock(join(directory, 'lock'));
    lock = held;
    const tables = held.hold(() => {
      const damage = damageOf(join(directory, dataFile));
      if (damage !== undefined) return foreign(directory, damage);
      root = openRoot(directory);
      return prepare(directory, root, held);
    });
    if (!tables.ok) await closeAll(root, lock);
    return tables;
  } catch (cause) {
    await closeAll(root, lock);
    return err(unavailable(directory, cause));
  }
}

async function closeAll(root: RootDatabase<string, Buffer> | undefined, lock: FileLock | undefined): Promise<void> {
  await root?.close();
  lock?.close();
}

function openRoot(directory: string): RootDatabase<string, Buffer> {
  const options = {
    path: directory,
    noSubdir: false,
    keyEncoding: 'binary' as const,
    encoding: 'string' as const,
    mapSize,
    maxDbs: 4,
    maxReaders: 512,
    // A commit then returns only when its pages and the meta page are on disk: durable before acknowledged.
    overlappingSync: false,
    permissionsMode: 0o600,
  };
  return open<string, Buffer>(options);
}

const tableNames = ['entries', 'log', 'meta'] as const;
const metaKey = Buffer.from('meta');

function prepare(
  directory: string,
  root: RootDatabase<string, Buffer>,
  lock: FileLock,
): Result<LmdbTables, StoreError> {
  // LMDB keeps the tables' names as keys of the root table, with a NUL after each.
  const names = [...root.getKeys()].map((name) => name.toString().replace(/\0+$/, ''));
  const strangers = names.filter((name) => !tableNames.some((ours) => ours === name));
  if (strangers.length > 0) return foreign(directory, `it holds "${strangers[0]}", which is not ours`);
  const [entries, log, meta] = tableNames.map((name) =>
    root.openDB<string, Buffer>({ name, keyEncoding: 'binary', encoding: 'string' }),
  ) as [Table, Table, Table];
  const found = root.transactionSync(() => {
    const text = meta.get(metaKey);
    if (text === undefined) void meta.put(metaKey, JSON.stringify({ format, revision: 0, compacted: 0, logSize: 0 }));
    return text === undefined ? format : (JSON.parse(text) as Meta).format;
  });
  if (found !== format) return foreign(directory, `its format is ${found}; this program reads format ${format}`);
  const doorbellPath = join(directory, 'doorbell');
  const doorbell = openSync(doorbellPath, constants.O_RDWR | constants.O_CREAT, 0o600);
  return ok(makeTables({ directory, root, lock, entries, log, meta, doorbell, doorbellPath }));
}

type Table = Database<string, Buffer>;

interface OpenTables {
  readonly directory: string;
  readonly root: RootDatabase<string, Buffer>;
  readonly lock: FileLock;
  readonly entries: Table;
  readonly log: Table;
  readonly meta: Table;
  readonly doorbell: number;
  readonly doorbellPath: string;
}

function makeTables(opened: OpenTables): LmdbTables {
  const { directory, root, lock, entries, log, meta, doorbell } = opened;
  const file = join(directory, dataFile);
  const inode = statSync(file).ino;
  const readMeta = (): Meta => JSON.parse(meta.get(metaKey) ?? '') as Meta;

  function attempt<T>(action: () => Result<T, StoreError>): Result<T, StoreError> {
    try {
      return action();
    } catch (cause) {
      if (isBug(cause)) throw cause;
      return err(unavailable(directory, cause));
    }
  }

  return {
    doorbellPath: opened.doorbellPath,
    meta: readMeta,
    attempt,
    get: (key) => {
      const bytes = Buffer.from(key);
      const text = bytes.length > longestKey || bytes.length === 0 ? undefined : entries.get(bytes);
      return text === undefined ? undefined : readEntry(key, text);
    },
    scan: (prefix, visit) => {
      for (const { key, value } of entries.getRange(rangeOf(prefix))) visit(readEntry(key.toString(), value));
    },
    changesAfter: (revision, limit) =>
      [...log.getRange({ start: logKey(revision + 1), end: logKey(Number.MAX_SAFE_INTEGER), limit })].map(readLogged),
    refresh: () => root.resetReadTxn(),
    transact: (action) => {
      let outcome: ReturnType<typeof action> | undefined;
      lock.hold(() =>
        root.transactionSync(() => {
          outcome = action();
          return outcome.ok ? undefined : ABORT;
        }),
      );
      if (outcome === undefined) throw new Error('the transaction did not run');
      return outcome;
    },
    write: (revision, changes, keep) => {
      for (const change of changes) writeChange(entries, change);
      const text = JSON.stringify(
        changes.map((change) => (change.kind === 'put' ? [change.entry.key, change.entry.value] : [change.key])),
      );
      void log.put(logKey(revision), text);
      let { compacted, logSize } = readMeta();
      logSize += text.length;
      while (compacted + 1 < revision && (revision - compacted > keep.revisions || logSize > keep.bytes)) {
        compacted += 1;
        logSize -= log.get(logKey(compacted))?.length ?? 0;
        void log.remove(logKey(compacted));
      }
      void meta.put(metaKey, JSON.stringify({ format, revision, compacted, logSize }));
    },
    ring: () => {
      // A full disk must not turn a commit that is done into a failure; the poll tells the others.
      try {
        writeSync(doorbell, '.', 0);
      } catch {}
    },
    sweepReaders: () => void root.readerCheck(),
    lost: () => {
      const now = statSync(file, { throwIfNoEntry: false })?.ino;
      return now === inode ? undefined : unavailable(directory, 'it was removed or replaced while it was open');
    },
    close: async () => {
      closeSync(doorbell);
      await closeAll(root, lock);
    },
  };
}

function writeChange(entries: Table, change: StoreChange): void {
  if (change.kind === 'delete') return void entries.remove(Buffer.from(change.key));
  const { key, value, revision } = change.entry;
  const bytes = Buffer.from(key);
  if (bytes.length > longestKey) throw new RangeError(`key longer than ${longestKey} bytes: ${key.slice(0, 80)}…`);
  void entries.put(bytes, `${revision}:${value}`);
}

function readEntry(key: string, text: string): StoreEntry {
  const colon = text.indexOf(':');
  return { key, value: text.slice(colon + 1), revision: Number(text.slice(0, colon)) };
}

function readLogged({ key, value }: { key: Buffer; value: string }): LoggedTransaction {
  const revision = Number(key.readBigUInt64BE());
  const changes = (JSON.parse(value) as [string, string?][]).map(
    ([name, text]): StoreChange =>
      text === undefined
        ? { kind: 'delete', key: name, revision }
        : { kind: 'put', entry: { key: name, value: text, revision } },
  );
  return { revision, changes };
}

function logKey(revision: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(revision));
  return key;
}

/** All keys with a prefix: UTF-8 has no byte 0xff, so everything that starts with the prefix sorts before prefix + 0xff. */
function rangeOf(prefix: string): { start: Buffer; end: Buffer } {
  const bytes = Buffer.from(prefix);
  return { start: bytes.length > 0 ? bytes : Buffer.from([0]), end: Buffer.concat([bytes, Buffer.from([0xff])]) };
}

/** Errors of LMDB and of the file system carry a code; what does not is a mistake of ours. */
function isBug(cause: unknown): boolean {
  return !(cause instanceof Error && ('code' in cause || cause instanceof RangeError));
}

function foreign(directory: string, why: string): Result<never, StoreError> {
  return err({ kind: 'unavailable', message: `${directory} is not a store this program can use: ${why}` });
}

function unavailable(directory: string, cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { kind: 'unavailable', message: `the store in ${directory} cannot be used: ${reason}` };
}
