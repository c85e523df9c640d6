/**
 * The resources of every kind, version after version, each change in time that follows what changed.
 *
 *   version ─[changeVersion]→ next version;  version ─[findIn, listIn]→ resources as they were in it
 *
 * Only the newest version holds tables. An older one holds what the change after it replaced, and its successor: to read it is
 * to look through the changes made since. So an old version costs nothing while nobody keeps it, and whoever keeps one keeps
 * the changes since in memory. To change a version that is not the newest copies its tables.
 *
 * Invariant: a version never reads differently from one time to the next, whatever became of those after it.
 */
import type { AnyResource, Kind } from './resource.ts';

export interface Version {
  /** What it reads: the tables themselves, or what is different from the next version. */
  content: Tables | Superseded;
  /** Sorted lists that were asked for, or taken over from the version before; equal lists are one object. */
  readonly lists: Map<Kind, readonly AnyResource[]>;
}

type Table = Map<string, AnyResource>;

interface Tables {
  readonly is: 'newest';
  readonly tables: Map<Kind, Table>;
}

interface Superseded {
  readonly is: 'superseded';
  /** By kind and key; undefined where there was none. */
  readonly replaced: ReadonlyMap<Kind, Replaced>;
  readonly next: Version;
}

/** What stood under some keys before a change; undefined where nothing did. */
export type Replaced = ReadonlyMap<string, AnyResource | undefined>;

/** One key's new resource; undefined takes it away. */
export interface VersionChange {
  readonly kind: Kind;
  readonly key: string;
  readonly resource: AnyResource | undefined;
}

/** Longer lists are not kept sorted at every change, but sorted when somebody asks for one. */
const longList = 4096;

const emptyList: readonly AnyResource[] = [];

export function firstVersion(changes: Iterable<VersionChange>): Version {
  const tables = new Map<Kind, Table>();
  for (const { kind, key, resource } of changes) setIn(tables, kind, key, resource);
  return { content: { is: 'newest', tables }, lists: new Map() };
}

/** The version after some changes, of which a later one of a key counts. */
export function changeVersion(before: Version, changes: readonly VersionChange[]): Version {
  const tables = before.content.is === 'newest' ? before.content.tables : copyTables(before);
  const replaced = new Map<Kind, Map<string, AnyResource | undefined>>();
  for (const { kind, key, resource } of changes) {
    const ofKind = replaced.get(kind) ?? new Map<string, AnyResource | undefined>();
    replaced.set(kind, ofKind);
    if (!ofKind.has(key)) ofKind.set(key, tables.get(kind)?.get(key));
    setIn(tables, kind, key, resource);
  }
  const lists = new Map(before.lists);
  for (const [kind, ofKind] of replaced) {
    const list = changeList(lists.get(kind), ofKind, tables.get(kind));
    if (list) lists.set(kind, list);
    else lists.delete(kind);
  }
  const after: Version = { content: { is: 'newest', tables }, lists };
  if (before.content.is === 'newest') before.content = { is: 'superseded', replaced, next: after };
  return after;
}

export function findIn(version: Version, kind: Kind, key: string): AnyResource | undefined {
  let { content } = version;
  while (content.is === 'superseded') {
    const ofKind = content.replaced.get(kind);
    if (ofKind?.has(key)) return ofKind.get(key);
    content = content.next.content;
  }
  return content.tables.get(kind)?.get(key);
}

/** Sorted by key; the same array at every call, and in the versions around it that have the same resources. */
export function listIn(version: Version, kind: Kind): readonly AnyResource[] {
  const known = version.lists.get(kind);
  if (known) return known;
  const table = tableOf(version, kind);
  const list = table === undefined || table.size === 0 ? emptyList : sortTable(table);
  version.lists.set(kind, list);
  return list;
}

/** What `before` reads where it differs from `after`, if that came from it, one change after the other. */
export function replacedBetween(before: Version, after: Version): ReadonlyMap<Kind, Replaced> | undefined {
  const all = new Map<Kind, Map<string, AnyResource | undefined>>();
  for (let version = before; version !== after; ) {
    if (version.content.is === 'newest') return undefined;
    for (const [kind, replaced] of version.content.replaced) {
      const ofKind = all.get(kind) ?? new Map<string, AnyResource | undefined>();
      all.set(kind, ofKind);
      for (const [key, resource] of replaced) if (!ofKind.has(key)) ofKind.set(key, resource);
    }
    version = version.content.next;
  }
  return all;
}

export function kindsIn(version: Version): readonly Kind[] {
  let { content } = version;
  const kinds = new Set<Kind>();
  for (; content.is === 'superseded'; content = content.next.content) {
    for (const kind of content.replaced.keys()) kinds.add(kind);
  }
  for (const kind of content.tables.keys()) kinds.add(kind);
  return [...kinds].sort();
}

/** Every resource of a kind by key; not to be changed. */
export function tableOf(version: Version, kind: Kind): ReadonlyMap<string, AnyResource> | undefined {
  const older = new Map<string, AnyResource | undefined>();
  let { content } = version;
  for (; content.is === 'superseded'; content = content.next.content) {
    for (const [key, resource] of content.replaced.get(kind) ?? []) if (!older.has(key)) older.set(key, resource);
  }
  const table = content.tables.get(kind);
  if (older.size === 0) return table;
  const copy: Table = new Map(table);
  for (const [key, resource] of older) {
    if (resource) copy.set(key, resource);
    else copy.delete(key);
  }
  return copy;
}

function copyTables(version: Version): Map<Kind, Table> {
  return new Map(kindsIn(version).map((kind) => [kind, new Map(tableOf(version, kind))]));
}

function setIn(tables: Map<Kind, Table>, kind: Kind, key: string, resource: AnyResource | undefined): void {
  const table = tables.get(kind);
  if (resource === undefined) table?.delete(key);
  else if (table) table.set(key, resource);
  else tables.set(kind, new Map([[key, resource]]));
}

function sortTable(table: ReadonlyMap<string, AnyResource>): readonly AnyResource[] {
  // Stores list in almost this order, so that there is little to sort.
  return [...table.keys()].sort().map((key) => table.get(key) as AnyResource);
}

/** The list after a change, where that is cheap; undefined leaves it to whoever asks. */
function changeList(
  before: readonly AnyResource[] | undefined,
  replaced: Replaced,
  table: Table | undefined,
): readonly AnyResource[] | undefined {
  if (!before || !table || before.length > longList || replaced.size > 1) return undefined;
  const [[key, old] = []] = replaced;
  if (key === undefined) return before;
  const now = table.get(key);
  if (old === now) return before;
  const list = [...before];
  const at = old ? list.indexOf(old) : placeOf(list, key);
  if (now) list.splice(at, old ? 1 : 0, now);
  else list.splice(at, 1);
  return list;
}

/** Where a key that is not in the list would stand. */
function placeOf(list: readonly AnyResource[], key: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(list[middle] as AnyResource) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Unique among the resources of one kind; the order of lists. */
export function keyOf({ metadata }: AnyResource): string {
  return nameKey(metadata.name, metadata.namespace);
}

export function nameKey(name: string, namespace: string | undefined): string {
  // Not a template: that would keep the parts beside the whole, in a table of a hundred thousand.
  return namespace === undefined ? name : [namespace, name].join('/');
}
