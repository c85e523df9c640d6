/**
 * Follows a Store as a sequence of complete Snapshots.
 *
 *   list + watch → resources by key → Snapshot, one after each transaction that changed a spec, label or name
 *
 * Invariant: the first snapshot is complete; each shows one revision, never half a transaction; an object that did not
 * change keeps its identity from one snapshot to the next, so that a diff compares references. A stored object that is
 * not valid counts as its last valid version, where one was seen: a broken policy must not fall away and widen access.
 */
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot, type ResourceChange, type Snapshot, updateSnapshot } from '../resources/snapshot.ts';
import { parseResourceKey, type ResourceName, resourcesPrefix } from './keys.ts';
import type { Store, StoreChange, StoreEntry, StoreError, Watch, WatchEvent } from './store.ts';
import { candidateKeys, nameOf, readStored } from './stored-object.ts';
import { changedKey, compareKeys } from './transaction.ts';

/** A stored object that is not acted on as it stands. */
export interface InvalidObject {
  readonly subject: ResourceName;
  readonly reasons: readonly string[];
  /** True when its last valid version is in the snapshot; false when it is absent from it. */
  readonly isLastValidKept: boolean;
}

export interface SnapshotFollower {
  close(): void;
}

/** What a follower knows by key; handed on to the next one, when a store was away, so that last valid versions are kept. */
export type FollowedObjects = Map<string, Followed>;

interface Followed {
  /** What the snapshot shows: the object, or its last valid version. */
  readonly resource: AnyResource | undefined;
  readonly invalid: InvalidObject | undefined;
  readonly revision: number;
  /**
   * The object's text without what makes no new snapshot (status), to tell whether anything else changed; undefined for
   * workloads, which are many and have no status.
   */
  readonly substance: string | undefined;
}

/**
 * @param onSnapshot gets each snapshot and the objects that are not valid in it, sorted by key
 * @param onError the store failed and following has ended; a compacted log is not an error, but is listed anew
 * @param followed what an earlier follower of this store knew; this one keeps it up to date
 */
export function followSnapshots(
  store: Store,
  onSnapshot: (snapshot: Snapshot, invalid: readonly InvalidObject[]) => void,
  onError: (error: StoreError) => void,
  followed: FollowedObjects = new Map(),
): SnapshotFollower {
  let snapshot = makeSnapshot([]);
  let invalid = new Map<string, InvalidObject>();
  let watch: Watch | undefined;
  let isClosed = false;

  function emit(next: Snapshot): void {
    snapshot = next;
    onSnapshot(
      snapshot,
      [...invalid].sort(([a], [b]) => compareKeys(a, b)).map(([, object]) => object),
    );
  }

  function rebuild(revision: number): void {
    const objects = [...followed].sort(([a], [b]) => compareKeys(a, b));
    invalid = new Map(objects.flatMap(([key, object]) => (object.invalid ? [[key, object.invalid] as const] : [])));
    const resources = objects.flatMap(([, { resource }]) => resource ?? []);
    emit(makeSnapshot(resources, revision));
  }

  async function begin(): Promise<void> {
    const listing = await store.list(resourcesPrefix);
    if (isClosed) return;
    if (!listing.ok) {
      onError(listing.error);
      return;
    }
    const listed = listing.value.entries.filter(({ key }) => parseResourceKey(key) !== undefined);
    const keys = new Set(listed.map(({ key }) => key));
    for (const key of [...followed.keys()]) if (!keys.has(key)) followed.delete(key);
    for (const entry of listed) followed.set(entry.key, follow(entry, followed.get(entry.key)));
    rebuild(listing.value.revision);
    if (!isClosed) watch = store.watch(resourcesPrefix, listing.value.revision, onEvent);
  }

  function onEvent(event: WatchEvent): void {
    if (isClosed) return;
    if (event.kind === 'changes') {
      const taken = event.changes.flatMap((change) => take(change) ?? []);
      if (taken.length === 0) return;
      // Two keys that show one resource: which of them counts can only be told from all.
      const keys = new Set(taken.map(({ key }) => key));
      if (taken.some(({ key, before, after }) => isDoubled(key, before ?? after, keys))) {
        rebuild(event.revision);
        return;
      }
      emit(updateSnapshot(snapshot, taken.flatMap(changesOf), event.revision));
    } else if (event.error.kind === 'compacted') {
      void begin();
    } else {
      onError(event.error);
    }
  }

  /** Takes one change over; undefined when no snapshot looks different for it. */
  function take(change: StoreChange): Taken | undefined {
    const key = changedKey(change);
    if (parseResourceKey(key) === undefined) return undefined;
    const before = followed.get(key);
    const after = change.kind === 'put' ? follow(change.entry, before) : undefined;
    if (after) followed.set(key, after);
    else followed.delete(key);
    if (after?.invalid) invalid.set(key, after.invalid);
    else invalid.delete(key);
    return after === before ? undefined : { key, before: before?.resource, after: after?.resource };
  }

  function isDoubled(key: string, resource: AnyResource | undefined, taken: ReadonlySet<string>): boolean {
    const others = resource === undefined ? [] : candidateKeys(nameOf(resource)).filter((other) => other !== key);
    return others.some((other) => followed.has(other) || taken.has(other));
  }

  void begin();
  return {
    close: () => {
      isClosed = true;
      watch?.close();
    },
  };
}

/** A key's resource in the snapshot, before and after a transaction. */
interface Taken {
  readonly key: string;
  readonly before: AnyResource | undefined;
  readonly after: AnyResource | undefined;
}

function changesOf({ before, after }: Taken): ResourceChange[] {
  const isRenamed = before !== undefined && before.metadata.name !== after?.metadata.name;
  return [
    ...(isRenamed ? [{ is: 'gone' as const, ...nameOf(before) }] : []),
    ...(after ? [{ is: 'there' as const, resource: after }] : []),
  ];
}

/** An entry as the snapshot will show it; the same object as before when nothing but its status or version changed. */
function follow(entry: StoreEntry, before: Followed | undefined): Followed {
  const { revision } = entry;
  if (before?.revision === revision) return before;
  const hasStatus = parseResourceKey(entry.key)?.kind !== 'WorkloadEndpoint';
  const substance = hasStatus ? substanceOf(entry.value) : undefined;
  if (before !== undefined && hasStatus && before.substance === substance) return before;
  const read = readStored(entry);
  if (read.ok) return { resource: read.value, invalid: undefined, revision, substance };
  const { subject, reasons } = read.error;
  const resource = before?.resource;
  const invalid = { subject, reasons, isLastValidKept: resource !== undefined };
  return { resource, invalid, revision, substance };
}

function substanceOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return text;
    const { status: _, ...rest } = value as Record<string, unknown>;
    return JSON.stringify(rest);
  } catch {
    return text;
  }
}
