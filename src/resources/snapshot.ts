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

/** Builds a snapshot; of two resources with one id the later one stays. */
export function makeSnapshot(entries: Iterable<AnyResource | LocatedResource>, revision = 0): Snapshot {
  const byKind = new Map<string, Map<string, AnyResource>>();
  const locators = new Map<AnyResource, (path: FieldPath) => Position>();
  for (const entry of entries) {
    const resource = 'resource' in entry ? entry.resource : entry;
    if ('resource' in entry) locators.set(resource, entry.locate);
    const ofKind = byKind.get(resource.kind) ?? new Map<string, AnyResource>();
    byKind.set(resource.kind, ofKind);
    ofKind.set(nameKey(resource.metadata.name, resource.metadata.namespace), resource);
  }
  const lists = new Map<string, readonly AnyResource[]>();
  for (const [kind, ofKind] of byKind) {
    const sorted = [...ofKind].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource);
    lists.set(kind, sorted);
  }
  return {
    revision,
    list: <K extends Kind>(kind: K) => (lists.get(kind) ?? []) as readonly Resource<K>[],
    find: <K extends Kind>(kind: K, name: string, namespace?: string) =>
      byKind.get(kind)?.get(nameKey(name, namespace)) as Resource<K> | undefined,
    locate: (resource, path) => locators.get(resource as AnyResource)?.(path),
  };
}

function nameKey(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
