/**
 * A Snapshot: every resource at one revision, the only input of intent.
 *
 *   store or files → Snapshot ─[resolve]→ RouterIntent
 *
 * Invariant: immutable; each list is sorted by namespace, then name (byte order), so that whatever is derived from equal
 * snapshots is equal byte for byte.
 */
import type { AnyResource, FieldPath, Kind, Position, Resource } from './resource.ts';

export interface Snapshot {
  /** The store's revision; 0 for a snapshot read from files. */
  readonly revision: number;
  /** All resources of a kind, sorted. */
  list<K extends Kind>(kind: K): readonly Resource<K>[];
  find<K extends Kind>(kind: K, name: string, namespace?: string): Resource<K> | undefined;
  /** Where a field of a resource was read from; undefined for resources that came from a store. */
  locate(resource: Resource, path: FieldPath): Position | undefined;
}

/** A resource and where its fields stand in the file it came from. */
export interface LocatedResource {
  readonly resource: AnyResource;
  readonly locate: (path: FieldPath) => Position;
}

/** What became of one resource: the new one, or, with its kind and names alone, that it is gone. */
export type ResourceChange =
  | { readonly is: 'there'; readonly resource: AnyResource }
  | { readonly is: 'gone'; readonly kind: Kind; readonly name: string; readonly namespace?: string | undefined };

/** The resources of one kind; `keys` are sorted, and `resources` stand at the places of their keys. */
interface KindList {
  readonly keys: readonly string[];
  readonly resources: readonly AnyResource[];
}

type Locators = ReadonlyMap<AnyResource, (path: FieldPath) => Position>;

/** What snapshots are made of, for the next one to be made from. */
const contents = new WeakMap<Snapshot, { readonly lists: ReadonlyMap<Kind, KindList>; readonly locators: Locators }>();

/** Builds a snapshot; of two resources with one id the later one stays. */
export function makeSnapshot(entries: Iterable<AnyResource | LocatedResource>, revision = 0): Snapshot {
  const byKind = new Map<Kind, Map<string, AnyResource>>();
  const locators = new Map<AnyResource, (path: FieldPath) => Position>();
  for (const entry of entries) {
    const resource = 'resource' in entry ? entry.resource : entry;
    if ('resource' in entry) locators.set(resource, entry.locate);
    const ofKind = byKind.get(resource.kind) ?? new Map<string, AnyResource>();
    byKind.set(resource.kind, ofKind);
    ofKind.set(keyOf(resource), resource);
  }
  return fromLists(new Map([...byKind].map(([kind, ofKind]) => [kind, sortedList(ofKind)])), locators, revision);
}

/** The snapshot after some changes, in order; costs what changed and a copy of the lists it changed in. */
export function updateSnapshot(before: Snapshot, changes: readonly ResourceChange[], revision: number): Snapshot {
  const known = contents.get(before);
  if (known === undefined) throw new Error('a snapshot that was not made here');
  const lists = new Map(known.lists);
  for (const kind of new Set(changes.map(kindOf))) {
    const ofKind = changes.filter((change) => kindOf(change) === kind);
    lists.set(kind, updateList(lists.get(kind) ?? { keys: [], resources: [] }, ofKind));
  }
  return fromLists(lists, known.locators, revision);
}

function fromLists(lists: ReadonlyMap<Kind, KindList>, locators: Locators, revision: number): Snapshot {
  const snapshot: Snapshot = {
    revision,
    list: <K extends Kind>(kind: K) => (lists.get(kind)?.resources ?? []) as readonly Resource<K>[],
    find: <K extends Kind>(kind: K, name: string, namespace?: string) => {
      const list = lists.get(kind);
      if (list === undefined) return undefined;
      const key = nameKey(name, namespace);
      const at = placeOf(list.keys, key);
      return list.keys[at] === key ? (list.resources[at] as Resource<K>) : undefined;
    },
    locate: (resource, path) => locators.get(resource as AnyResource)?.(path),
  };
  contents.set(snapshot, { lists, locators });
  return snapshot;
}

/** From this many changes on a list is sorted anew: each insertion moves what comes after it. */
const manyChanges = 64;

function updateList(before: KindList, changes: readonly ResourceChange[]): KindList {
  if (changes.length >= manyChanges) {
    const byKey = new Map(before.keys.map((key, at) => [key, before.resources[at] as AnyResource]));
    for (const change of changes) {
      if (change.is === 'there') byKey.set(keyOf(change.resource), change.resource);
      else byKey.delete(nameKey(change.name, change.namespace));
    }
    return sortedList(byKey);
  }
  // Keys are copied only when one comes or goes, which is not what happens most.
  let { keys } = before;
  const resources = [...before.resources];
  for (const change of changes) {
    const key = change.is === 'there' ? keyOf(change.resource) : nameKey(change.name, change.namespace);
    const at = placeOf(keys, key);
    const isThere = keys[at] === key;
    if (change.is === 'there') {
      if (!isThere) keys = keys.toSpliced(at, 0, key);
      resources.splice(at, isThere ? 1 : 0, change.resource);
    } else if (isThere) {
      keys = keys.toSpliced(at, 1);
      resources.splice(at, 1);
    }
  }
  return { keys, resources };
}

function sortedList(byKey: ReadonlyMap<string, AnyResource>): KindList {
  const keys = [...byKey.keys()].sort();
  return { keys, resources: keys.map((key) => byKey.get(key) as AnyResource) };
}

/** Where a key stands in sorted keys, or would stand. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function kindOf(change: ResourceChange): Kind {
  return change.is === 'there' ? change.resource.kind : change.kind;
}

function keyOf({ metadata }: AnyResource): string {
  return nameKey(metadata.name, metadata.namespace);
}

function nameKey(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
