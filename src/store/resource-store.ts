/**
 * Resources over a Store: create, apply, replace, delete, read.
 *
 *   Resource[] ─[plan-write]→ StoreWrite[] ─[commit, compare-and-swap]→ Store
 *
 * Invariant: `applyAll` and `deleteAll` are one transaction each, so that readers never see half a file; a write that lost
 * a race is planned again from what is there now, up to five times, unless the user's resourceVersion forbids it.
 */
import type { AnyResource, Kind } from '../resources/resource.ts';
import { makeSnapshot, type Snapshot } from '../resources/snapshot.ts';
import { err, ok, type Result } from '../result.ts';
import { kindPrefix, parseResourceKey, type ResourceName, resourceKey, resourcesPrefix } from './keys.ts';
import { type DeleteOutcome, type DeleteRequest, planDelete } from './plan-delete.ts';
import { findEntry, planWrite, type Stamps, type WriteMode, type WriteOutcome } from './plan-write.ts';
import type { ResourceError } from './resource-error.ts';
import type { Store, StoreEntry, StoreWrite } from './store.ts';
import { readStored, specRevisionOf, withSpecRevision, withVersion } from './stored-object.ts';
import { builtInTier, builtInTiers } from './write-rules.ts';

export interface ResourceListing {
  /** Sorted by namespace, then name. */
  readonly resources: readonly AnyResource[];
  /** Stored objects that are not valid resources. */
  readonly invalid: readonly Extract<ResourceError, { kind: 'invalid' }>[];
}

export interface StoredSnapshot {
  readonly snapshot: Snapshot;
  readonly invalid: ResourceListing['invalid'];
}

export interface ApplyOptions {
  /** `apply` unless said: create makes only what is new, replace only what is there. */
  readonly mode?: WriteMode;
  /** True unless said: all or nothing. False: one resource after the other, each on its own. */
  readonly atomic?: boolean;
  /** Plans and checks everything, and writes nothing; outcomes carry no new version. */
  readonly dryRun?: boolean;
}

export type WriteResult = Result<readonly WriteOutcome[], readonly ResourceError[]>;

export interface ResourceStore {
  get(name: ResourceName): Promise<Result<AnyResource, ResourceError>>;
  list(kind: Kind, namespace?: string): Promise<Result<ResourceListing, ResourceError>>;
  /** Everything at one revision, save the kinds that are not asked for. */
  snapshot(options?: { readonly without?: readonly Kind[] }): Promise<Result<StoredSnapshot, ResourceError>>;
  create(resource: AnyResource): Promise<Result<WriteOutcome, ResourceError>>;
  apply(resource: AnyResource): Promise<Result<WriteOutcome, ResourceError>>;
  replace(resource: AnyResource): Promise<Result<WriteOutcome, ResourceError>>;
  /**
   * Writes resources; outcomes in the order given. All errors at once; when atomic, any error means nothing was written.
   * The order inside does not matter: a policy may stand before its tier.
   */
  applyAll(resources: readonly AnyResource[], options?: ApplyOptions): Promise<WriteResult>;
  delete(name: ResourceName): Promise<Result<AnyResource | undefined, ResourceError>>;
  /** Deletes what may be deleted, in one transaction; one outcome per name, in order. A Node takes what is its own along. */
  deleteAll(names: readonly DeleteRequest[]): Promise<Result<readonly DeleteOutcome[], ResourceError>>;
  /** Replaces the status of a resource and nothing else of it. */
  updateStatus(
    name: ResourceName,
    status: Readonly<Record<string, unknown>>,
  ): Promise<Result<AnyResource, ResourceError>>;
}

const attempts = 5;

export function createResourceStore(store: Store, stamps: Stamps): ResourceStore {
  /** Plans and commits; plans anew when somebody else was faster. */
  async function transact<T, E>(
    plan: () => Promise<Result<{ writes: readonly StoreWrite[]; done: (revision: number) => T }, E>>,
    failed: (error: ResourceError) => E,
  ): Promise<Result<T, E>> {
    for (let attempt = 1; ; attempt += 1) {
      const planned = await plan();
      if (!planned.ok) return planned;
      const committed = await store.commit(planned.value.writes);
      if (committed.ok) return ok(planned.value.done(committed.value));
      if (committed.error.kind !== 'conflict' || attempt === attempts) return err(failed(asConflict(committed.error)));
      await stamps.pause?.(attempt);
    }
  }

  /** Calico's clients make the built-in tiers before their first write (semantics §7.3). */
  async function initialise(): Promise<Result<void, ResourceError>> {
    const writes: StoreWrite[] = [];
    for (const name of Object.keys(builtInTiers)) {
      const key = resourceKey('Tier', name);
      const found = await store.get(key);
      if (!found.ok) return err({ kind: 'store', error: found.error });
      if (found.value !== undefined) continue;
      const tier = builtInTier(name, { uid: stamps.newUid(), now: stamps.now() });
      const { apiVersion, kind, metadata, spec } = tier;
      writes.push({ kind: 'put', key, value: JSON.stringify({ apiVersion, kind, metadata, spec }), expect: 'absent' });
    }
    if (writes.length === 0) return ok(undefined);
    const committed = await store.commit(writes);
    // A conflict means that somebody else has just made them.
    if (committed.ok || committed.error.kind === 'conflict') return ok(undefined);
    return err({ kind: 'store', error: committed.error });
  }

  async function applyAll(resources: readonly AnyResource[], options: ApplyOptions = {}): Promise<WriteResult> {
    const mode = options.mode ?? 'apply';
    if (options.dryRun) {
      const planned = await planWrite(store, resources, mode, stamps);
      return planned.ok ? ok(planned.value.done(0)) : planned;
    }
    const ready = await initialise();
    if (!ready.ok) return err([ready.error]);
    if (options.atomic ?? true) {
      return transact(
        () => planWrite(store, resources, mode, stamps),
        (error) => [error],
      );
    }
    const results: WriteResult[] = [];
    for (const resource of resources) results.push(await applyAll([resource], { mode }));
    const errors = results.flatMap((result) => (result.ok ? [] : result.error));
    return errors.length > 0 ? err(errors) : ok(results.flatMap((result) => (result.ok ? result.value : [])));
  }

  const writeOne = (mode: WriteMode) => async (resource: AnyResource) => only(await applyAll([resource], { mode }));

  async function deleteAll(names: readonly DeleteRequest[]): Promise<Result<readonly DeleteOutcome[], ResourceError>> {
    return transact<readonly DeleteOutcome[], ResourceError>(
      () => planDelete(store, names),
      (error) => error,
    );
  }

  return {
    applyAll,
    deleteAll,
    create: writeOne('create'),
    apply: writeOne('apply'),
    replace: writeOne('replace'),

    get: async (name) => {
      const entry = await findEntry(store, name);
      if (!entry.ok) return entry;
      return entry.value === undefined ? err({ kind: 'not-found', subject: name }) : readStored(entry.value);
    },

    list: async (kind, namespace) => {
      const listing = await store.list(kindPrefix(kind, namespace));
      return listing.ok ? ok(readAll(listing.value.entries)) : err({ kind: 'store', error: listing.error });
    },

    snapshot: async ({ without = [] } = {}) => {
      const listing = await store.list(resourcesPrefix);
      if (!listing.ok) return err({ kind: 'store', error: listing.error });
      const isAsked = ({ key }: StoreEntry) => !without.some((kind) => key.startsWith(kindPrefix(kind)));
      const { resources, invalid } = readAll(listing.value.entries.filter(isAsked));
      return ok({ snapshot: makeSnapshot(resources, listing.value.revision), invalid });
    },

    delete: async (name) => {
      const deleted = await deleteAll([name]);
      if (!deleted.ok) return deleted;
      const outcome = deleted.value[0];
      return outcome?.error === undefined ? ok(outcome?.resource) : err(outcome.error);
    },

    updateStatus: (name, status) =>
      transact<AnyResource, ResourceError>(
        async () => {
          const entry = await findEntry(store, name);
          if (!entry.ok) return entry;
          if (entry.value === undefined) return err({ kind: 'not-found', subject: name });
          const { key, value, revision } = entry.value;
          const current = readStored(entry.value);
          if (!current.ok) return current;
          // Patched in the stored text itself: a status never changes what else the object says.
          const marked = withSpecRevision(status, specRevisionOf(current.value, revision));
          const text = JSON.stringify({ ...(JSON.parse(value) as object), status: marked });
          const writes: StoreWrite[] = text === value ? [] : [{ kind: 'put', key, value: text, expect: { revision } }];
          const done = (committed: number) =>
            withVersion({ ...current.value, status: marked }, writes.length === 0 ? revision : committed);
          return ok({ writes, done });
        },
        (error) => error,
      ),
  };
}

function only(result: WriteResult): Result<WriteOutcome, ResourceError> {
  if (result.ok) {
    const [outcome] = result.value;
    if (outcome === undefined) throw new Error('one resource was written, but there is no outcome');
    return ok(outcome);
  }
  const [error] = result.error;
  if (error === undefined) throw new Error('a write failed without an error');
  return err(error);
}

function readAll(entries: readonly StoreEntry[]): ResourceListing {
  const resources: AnyResource[] = [];
  const invalid: Extract<ResourceError, { kind: 'invalid' }>[] = [];
  for (const entry of entries) {
    if (parseResourceKey(entry.key) === undefined) continue;
    const read = readStored(entry);
    if (read.ok) resources.push(read.value);
    else invalid.push(read.error);
  }
  return { resources, invalid };
}

function asConflict(error: Parameters<typeof parseConflict>[0]): ResourceError {
  return parseConflict(error) ?? { kind: 'store', error };
}

function parseConflict(error: Extract<ResourceError, { kind: 'store' }>['error']): ResourceError | undefined {
  const subject = error.kind === 'conflict' ? parseResourceKey(error.key) : undefined;
  return subject && { kind: 'conflict', subject, reason: `others kept changing it; ${attempts} attempts were made` };
}
