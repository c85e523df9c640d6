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
import { makeSnapshot, type Snapshot } from '../resources/snapshot.ts';
import { parseResourceKey, type ResourceName, resourcesPrefix } from './keys.ts';
import type { Store, StoreChange, StoreEntry, StoreError, Watch, WatchEvent } from './store.ts';
import { readStored } from './stored-object.ts';
import { compareKeys } from './transaction.ts';

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
  /** The object's text without what makes no new snapshot (status), to tell whether anything else changed. */
  readonly substance: string;
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
  let watch: Watch | undefined;
  let isClosed = false;

  function emit(revision: number): void {
    const objects = [...followed].sort(([a], [b]) => compareKeys(a, b)).map(([, object]) => object);
    const resources = objects.map(({ resource }) => resource).filter((resource) => resource !== undefined);
    const invalid = objects.map((object) => object.invalid).filter((object) => object !== undefined);
    onSnapshot(makeSnapshot(resources, revision), invalid);
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
    emit(listing.value.revision);
    if (!isClosed) watch = store.watch(resourcesPrefix, listing.value.revision, onEvent);
  }

  function onEvent(event: WatchEvent): void {
    if (isClosed) return;
    if (event.kind === 'changes') {
      const changed = event.changes.filter((change) => take(change));
      if (changed.length > 0) emit(event.revision);
    } else if (event.error.kind === 'compacted') {
      void begin();
    } else {
      onError(event.error);
    }
  }

  /** Takes one change over; says whether a snapshot looks different for it. */
  function take(change: StoreChange): boolean {
    if (change.kind === 'delete') return followed.delete(change.key);
    const { entry } = change;
    if (parseResourceKey(entry.key) === undefined) return false;
    const before = followed.get(entry.key);
    const after = follow(entry, before);
    if (after === before) return false;
    followed.set(entry.key, after);
    return true;
  }

  void begin();
  return {
    close: () => {
      isClosed = true;
      watch?.close();
    },
  };
}

/** An entry as the snapshot will show it; the same object as before when nothing but its status or version changed. */
function follow(entry: StoreEntry, before: Followed | undefined): Followed {
  const substance = substanceOf(entry.value);
  if (before?.substance === substance) return before;
  const read = readStored(entry);
  if (read.ok) return { resource: read.value, invalid: undefined, substance };
  const { subject, reasons } = read.error;
  const resource = before?.resource;
  return { resource, invalid: { subject, reasons, isLastValidKept: resource !== undefined }, substance };
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
