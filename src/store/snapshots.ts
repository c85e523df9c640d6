/**
 * Follows a Store as a sequence of complete Snapshots.
 *
 *   list + watch → resources by key → Snapshot, one after each transaction that changed a spec, label or name
 *
 * Invariant: the first snapshot is complete; each shows one revision, never half a transaction; an object that did not
 * change keeps its identity from one snapshot to the next, so that a diff compares references. A stored object that is
 * not valid counts as its last valid version, where one was seen: a broken policy must not fall away and widen access.
 */

import { sameValue } from '../net/same-value.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot, type ResourceChange, type Snapshot, updateSnapshot } from '../resources/snapshot.ts';
import { compactResource } from './compact-resource.ts';
import { parseResourceKey, type ResourceName, resourcesPrefix } from './keys.ts';
import type { Store, StoreChange, StoreEntry, StoreError, Watch, WatchEvent } from './store.ts';
import { candidateKeys, nameOf, policyKinds, readStored } from './stored-object.ts';
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

/**
 * What a follower knows; handed on to the next one, when a store was away, so that last valid versions are kept. Most objects
 * are known by the snapshot alone.
 */
export interface FollowedObjects {
  snapshot: Snapshot;
  /** By key: what is not valid, and every policy, which may lie under another key than its name's. */
  readonly objects: Map<string, Followed>;
}

interface Followed {
  /** What the snapshot shows: the object, or its last valid version. */
  readonly resource: AnyResource | undefined;
  readonly invalid: InvalidObject | undefined;
  readonly revision: number;
}

/** What a follower knows that comes after none. */
export function nothingFollowed(): FollowedObjects {
  return { snapshot: makeSnapshot([]), objects: new Map() };
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
  followed: FollowedObjects = nothingFollowed(),
): SnapshotFollower {
  let watch: Watch | undefined;
  let isClosed = false;
  const { objects } = followed;

  function emit(next: Snapshot): void {
    followed.snapshot = next;
    const invalid = [...objects].flatMap(([key, object]) => (object.invalid ? [[key, object.invalid] as const] : []));
    onSnapshot(
      next,
      invalid.sort(([a], [b]) => compareKeys(a, b)).map(([, object]) => object),
    );
  }

  async function begin(): Promise<void> {
    const resources: AnyResource[] = [];
    const known = new Map(objects);
    objects.clear();
    const scanned = await store.scan(resourcesPrefix, (entry) => {
      if (isClosed) return;
      const subject = parseResourceKey(entry.key);
      if (!subject) return;
      const object = follow(entry, subject, known.get(entry.key) ?? shownAs(subject));
      if (object.invalid || policyKinds.includes(subject.kind)) objects.set(entry.key, object);
      if (object.resource) resources.push(object.resource);
    });
    if (isClosed || !scanned.ok) {
      for (const [key, object] of known) objects.set(key, object);
      if (!isClosed && !scanned.ok) onError(scanned.error);
      return;
    }
    emit(makeSnapshot(resources, scanned.value));
    if (!isClosed) watch = store.watch(resourcesPrefix, scanned.value, onEvent);
  }

  /** What is known of an object that only the snapshot knows. */
  function shownAs({ kind, name, namespace }: ResourceName): Followed | undefined {
    if (policyKinds.includes(kind)) return undefined;
    const resource = followed.snapshot.find(kind, name, namespace) as AnyResource | undefined;
    return resource && { resource, invalid: undefined, revision: Number(resource.metadata.resourceVersion) };
  }

  function onEvent(event: WatchEvent): void {
    if (isClosed) return;
    if (event.kind === 'changes') {
      const taken = event.changes.flatMap((change) => take(change) ?? []);
      if (taken.length === 0) return;
      // Two keys that show one resource: which of them counts can only be told from all.
      const keys = new Set(taken.map(({ key }) => key));
      if (taken.some(({ key, before, after }) => isDoubled(key, before ?? after, keys))) {
        emit(
          updateSnapshot(
            followed.snapshot,
            [...taken.flatMap(goneOf), ...taken.flatMap(changesOf), ...policiesInOrder()],
            event.revision,
          ),
        );
      } else emit(updateSnapshot(followed.snapshot, taken.flatMap(changesOf), event.revision));
    } else if (event.error.kind === 'compacted') {
      void begin();
    } else {
      onError(event.error);
    }
  }

  /** Takes one change over; undefined when no snapshot looks different for it. */
  function take(change: StoreChange): Taken | undefined {
    const key = changedKey(change);
    const subject = parseResourceKey(key);
    if (subject === undefined) return undefined;
    const before = objects.get(key) ?? shownAs(subject);
    const after = change.kind === 'put' ? follow(change.entry, subject, before) : undefined;
    if (after && (after.invalid || policyKinds.includes(subject.kind))) objects.set(key, after);
    else objects.delete(key);
    return after === before ? undefined : { key, before: before?.resource, after: after?.resource };
  }

  function isDoubled(key: string, resource: AnyResource | undefined, taken: ReadonlySet<string>): boolean {
    const others = resource === undefined ? [] : candidateKeys(nameOf(resource)).filter((other) => other !== key);
    return others.some((other) => objects.has(other) || taken.has(other));
  }

  /** Every policy, in the order of keys: of two with one name the later one counts, as it does in a listing. */
  function policiesInOrder(): ResourceChange[] {
    return [...objects]
      .sort(([a], [b]) => compareKeys(a, b))
      .flatMap(([, { resource }]) => (resource ? [{ is: 'there' as const, resource }] : []));
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

function goneOf(taken: Taken): ResourceChange[] {
  return [taken.before, taken.after].flatMap((one) => (one ? [{ is: 'gone' as const, ...nameOf(one) }] : []));
}

/** An entry as the snapshot will show it; the same object as before when nothing but its status or version changed. */
function follow(entry: StoreEntry, subject: ResourceName, before: Followed | undefined): Followed {
  const { revision } = entry;
  if (before?.revision === revision) return before;
  const read = readStored(entry);
  if (!read.ok) {
    const resource = before?.resource;
    return {
      resource,
      invalid: { subject, reasons: read.error.reasons, isLastValidKept: resource !== undefined },
      revision,
    };
  }
  const resource = compactResource(read.value);
  if (before?.resource && !before.invalid && hasSameSubstance(before.resource, resource)) return before;
  return { resource, invalid: undefined, revision };
}

/** Whether two versions differ in nothing but what makes no new snapshot. */
function hasSameSubstance(a: AnyResource, b: AnyResource): boolean {
  return sameValue(substanceOf(a), substanceOf(b));
}

function substanceOf({ status: _, metadata, ...rest }: AnyResource): unknown {
  const { resourceVersion: _version, ...named } = metadata;
  return { ...rest, metadata: named };
}
