/**
 * A Snapshot: every resource at one revision, the only input of intent.
 *
 *   store or files → Snapshot ─[resolve]→ RouterIntent
 *
 * Invariant: immutable; each list is sorted by namespace, then name (byte order), so that whatever is derived from equal
 * snapshots is equal byte for byte. One that was updated stays readable as it was (see resource-versions.ts for the price).
 */
import type { AnyResource, FieldPath, Kind, Position, Resource } from './resource.ts';
import {
  changeVersion,
  findIn,
  firstVersion,
  keyOf,
  kindsIn,
  listIn,
  nameKey,
  replacedBetween,
  tableOf,
  type Version,
  type VersionChange,
} from './resource-versions.ts';

export interface Snapshot {
  /** The store's revision; 0 for a snapshot read from files. */
  readonly revision: number;
  /** All resources of a kind, sorted; the same array as in the snapshot before while none of them changed. */
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

/** One resource in two snapshots: new without `before`, gone without `after`, another object with both. */
export interface ResourceDifference {
  readonly before: AnyResource | undefined;
  readonly after: AnyResource | undefined;
}

type Locators = ReadonlyMap<AnyResource, (path: FieldPath) => Position>;

/** What snapshots are made of, for the next one to be made from. */
const contents = new WeakMap<Snapshot, { readonly version: Version; readonly locators: Locators }>();

/** Builds a snapshot; of two resources with one id the later one stays. */
export function makeSnapshot(entries: Iterable<AnyResource | LocatedResource>, revision = 0): Snapshot {
  const locators = new Map<AnyResource, (path: FieldPath) => Position>();
  const version = firstVersion(changesOf(entries, locators));
  return readVersion(version, locators, revision);
}

function* changesOf(
  entries: Iterable<AnyResource | LocatedResource>,
  locators: Map<AnyResource, (path: FieldPath) => Position>,
): Iterable<VersionChange> {
  for (const entry of entries) {
    const resource = 'resource' in entry ? entry.resource : entry;
    if ('resource' in entry) locators.set(resource, entry.locate);
    yield { kind: resource.kind, key: keyOf(resource), resource };
  }
}

/** The snapshot after some changes, in order; costs what changed, however many resources there are. */
export function updateSnapshot(before: Snapshot, changes: readonly ResourceChange[], revision: number): Snapshot {
  const { version, locators } = contentOf(before);
  return readVersion(changeVersion(version, changes.map(toVersionChange)), locators, revision);
}

/**
 * What is another object in one snapshot than in the other, sorted by kind, then namespace and name. Costs what changed where
 * one was made from the other by updates, and a look at everything where not.
 */
export function compareSnapshots(before: Snapshot, after: Snapshot): readonly ResourceDifference[] {
  if (before === after) return [];
  const [from, to] = [contentOf(before).version, contentOf(after).version];
  const replaced = replacedBetween(from, to);
  if (!replaced) return compareAll(from, to);
  return [...replaced.keys()].sort().flatMap((kind) => {
    const old = replaced.get(kind) ?? new Map<string, AnyResource>();
    return [...old.keys()].sort().flatMap((key) => differenceOf(old.get(key), findIn(to, kind, key)));
  });
}

function compareAll(from: Version, to: Version): ResourceDifference[] {
  return [...new Set([...kindsIn(from), ...kindsIn(to)])].sort().flatMap((kind) => {
    const [before, after] = [tableOf(from, kind), tableOf(to, kind)];
    const keys = new Set<string>();
    for (const [key, resource] of before ?? []) if (after?.get(key) !== resource) keys.add(key);
    for (const [key, resource] of after ?? []) if (before?.get(key) !== resource) keys.add(key);
    return [...keys].sort().flatMap((key) => differenceOf(before?.get(key), after?.get(key)));
  });
}

function differenceOf(before: AnyResource | undefined, after: AnyResource | undefined): ResourceDifference[] {
  return before === after ? [] : [{ before, after }];
}

function readVersion(version: Version, locators: Locators, revision: number): Snapshot {
  const snapshot: Snapshot = {
    revision,
    list: <K extends Kind>(kind: K) => listIn(version, kind) as readonly Resource[] as readonly Resource<K>[],
    find: <K extends Kind>(kind: K, name: string, namespace?: string) =>
      findIn(version, kind, nameKey(name, namespace)) as Resource<K> | undefined,
    locate: (resource, path) => locators.get(resource as AnyResource)?.(path),
  };
  contents.set(snapshot, { version, locators });
  return snapshot;
}

function contentOf(snapshot: Snapshot): { readonly version: Version; readonly locators: Locators } {
  const content = contents.get(snapshot);
  if (content === undefined) throw new Error('a snapshot that was not made here');
  return content;
}

function toVersionChange(change: ResourceChange): VersionChange {
  return change.is === 'there'
    ? { kind: change.resource.kind, key: keyOf(change.resource), resource: change.resource }
    : { kind: change.kind, key: nameKey(change.name, change.namespace), resource: undefined };
}
