/**
 * Plans the transaction that writes resources.
 *
 *   Resource[] + what the store holds → StoreWrite[], and what each resource will have become
 *
 * Invariant: every fact the plan rests on (absence, revision, the tier's presence) is a precondition of the transaction; a
 * resource that would not change is not written.
 */
import type { AnyResource, Metadata } from '../resources/resource.ts';
import { err, ok, type Result } from '../result.ts';
import { type ResourceName, resourceKey, tierGuardKey } from './keys.ts';
import type { ResourceError } from './resource-error.ts';
import type { Store, StoreEntry, StoreWrite } from './store.ts';
import {
  candidateKeys,
  nameOf,
  printStored,
  readStored,
  specRevisionOf,
  withoutSpecRevision,
  withVersion,
} from './stored-object.ts';
import { builtInTiers, refuseWrite, tierOf } from './write-rules.ts';

/** What a store of resources needs of the world. */
export interface Stamps {
  /** The time in RFC 3339, whole seconds, UTC. */
  readonly now: () => string;
  readonly newUid: () => string;
  /** Waits before a lost race is tried again; `attempt` counts from 1. Absent: does not wait. */
  readonly pause?: (attempt: number) => Promise<void>;
}

export type WriteMode = 'create' | 'apply' | 'replace';

export interface WriteOutcome {
  readonly outcome: 'created' | 'updated' | 'unchanged';
  /** As it is in the store now. */
  readonly resource: AnyResource;
}

export interface WritePlan {
  readonly writes: readonly StoreWrite[];
  /** The outcomes, once the transaction's revision is known. */
  readonly done: (revision: number) => readonly WriteOutcome[];
}

/** All errors of all resources at once. */
export async function planWrite(
  store: Store,
  resources: readonly AnyResource[],
  mode: WriteMode,
  stamps: Stamps,
): Promise<Result<WritePlan, readonly ResourceError[]>> {
  const writes = new Map<string, StoreWrite>();
  const outcomes: ((revision: number) => WriteOutcome)[] = [];
  const errors: ResourceError[] = [];
  for (const resource of resources) {
    const found = await findEntry(store, nameOf(resource));
    if (!found.ok) return err([found.error]);
    const planned = planOne(resource, found.value, mode, stamps);
    if (!planned.ok) {
      errors.push(planned.error);
      continue;
    }
    const { write, outcome } = planned.value;
    writes.set(write.key, write);
    outcomes.push(outcome);
  }
  const tiers = await planTiers(store, resources, writes);
  if (!tiers.ok) return tiers;
  errors.push(...tiers.value);
  if (errors.length > 0) return err(errors);
  return ok({ writes: [...writes.values()], done: (revision) => outcomes.map((outcome) => outcome(revision)) });
}

/** The entry a resource lies in; undefined when there is none. */
export async function findEntry(
  store: Store,
  name: ResourceName,
): Promise<Result<StoreEntry | undefined, Extract<ResourceError, { kind: 'store' }>>> {
  for (const key of candidateKeys(name)) {
    const found = await store.get(key);
    if (!found.ok) return err({ kind: 'store', error: found.error });
    if (found.value === undefined) continue;
    // Below an old-style key lies this resource only if the object says so itself.
    const isOwn = key === resourceKey(name.kind, name.name, name.namespace) || readStored(found.value).ok;
    if (isOwn) return ok(found.value);
  }
  return ok(undefined);
}

interface PlannedWrite {
  readonly write: StoreWrite;
  readonly outcome: (revision: number) => WriteOutcome;
}

function planOne(
  resource: AnyResource,
  entry: StoreEntry | undefined,
  mode: WriteMode,
  stamps: Stamps,
): Result<PlannedWrite, ResourceError> {
  const subject = nameOf(resource);
  const read = entry && readStored(entry);
  // A stored object that is not valid may be overwritten: that is how it is mended.
  const existing = read?.ok ? read.value : undefined;
  const refusal = refuseWrite(resource, existing);
  if (refusal) return err({ kind: 'refused', subject, ...refusal });
  if (entry === undefined) return planCreate(resource, subject, mode, stamps);
  if (mode === 'create') return err({ kind: 'exists', subject });
  return planUpdate(resource, subject, entry, existing, stamps);
}

function planCreate(
  resource: AnyResource,
  subject: ResourceName,
  mode: WriteMode,
  stamps: Stamps,
): Result<PlannedWrite, ResourceError> {
  if (mode === 'replace') return err({ kind: 'not-found', subject });
  // `apply` takes a resource that was read from a store and deleted since: that is how a backup is restored.
  if (mode === 'create' && resource.metadata.resourceVersion !== undefined) {
    return err({ kind: 'refused', subject, field: 'metadata.resourceVersion', reason: 'must not be set on create' });
  }
  const metadata = stamped(resource.metadata, { uid: stamps.newUid(), creationTimestamp: stamps.now() });
  const created = withoutStatus({ ...resource, metadata });
  const key = resourceKey(subject.kind, subject.name, subject.namespace);
  return ok({
    write: { kind: 'put', key, value: printStored(created), expect: 'absent' },
    outcome: (revision) => ({ outcome: 'created', resource: withVersion(created, revision) }),
  });
}

function planUpdate(
  resource: AnyResource,
  subject: ResourceName,
  entry: StoreEntry,
  existing: AnyResource | undefined,
  stamps: Stamps,
): Result<PlannedWrite, ResourceError> {
  const { resourceVersion, uid } = resource.metadata;
  if (resourceVersion !== undefined && !isCurrent(resourceVersion, existing, entry.revision)) {
    const reason = `it is at resourceVersion ${entry.revision}, not ${resourceVersion}: read it again`;
    return err({ kind: 'conflict', subject, reason });
  }
  const own = existing?.metadata;
  if (uid !== undefined && resourceVersion !== undefined && own?.uid !== undefined && uid !== own.uid) {
    return err({ kind: 'conflict', subject, reason: 'another object of this name has taken its place (uid differs)' });
  }
  const metadata = stamped(resource.metadata, {
    uid: own?.uid ?? stamps.newUid(),
    creationTimestamp: own?.creationTimestamp ?? stamps.now(),
  });
  const status = withoutSpecRevision(existing?.status);
  const updated = { ...withoutStatus({ ...resource, metadata }), ...(status === undefined ? {} : { status }) };
  const value = printStored(updated);
  const isUnchanged = existing !== undefined && sameJson(value, printStored(withPlainStatus(existing)));
  const expect = { revision: entry.revision };
  if (isUnchanged) {
    const outcome = { outcome: 'unchanged', resource: existing } as const;
    return ok({ write: { kind: 'check', key: entry.key, expect }, outcome: () => outcome });
  }
  return ok({
    write: { kind: 'put', key: entry.key, value, expect },
    outcome: (revision) => ({ outcome: 'updated', resource: withVersion(updated, revision) }),
  });
}

/** Whether nothing but a status was written since that version. */
function isCurrent(resourceVersion: string, existing: AnyResource | undefined, revision: number): boolean {
  if (!/^[0-9]{1,15}$/.test(resourceVersion)) return false;
  const read = Number(resourceVersion);
  return specRevisionOf(existing, revision) <= read && read <= revision;
}

function withPlainStatus(resource: AnyResource): AnyResource {
  const status = withoutSpecRevision(resource.status);
  return status === undefined ? resource : { ...resource, status };
}

/** Users write specs; a status in their files is what they once read. */
function withoutStatus({ status: _, ...resource }: AnyResource): AnyResource {
  return resource as AnyResource;
}

/** The metadata to store: what the server manages is the store's, whatever the user wrote. */
function stamped(metadata: Metadata, own: { readonly uid: string; readonly creationTimestamp: string }): Metadata {
  const { name, namespace, labels, annotations } = metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...own,
  };
}

/** Equal up to the order of keys. */
function sameJson(a: string, b: string): boolean {
  return a === b || canonical(JSON.parse(a)) === canonical(JSON.parse(b));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}

/**
 * A policy's tier must be in the store or among the resources (semantics §1.3). Adds to the writes what keeps that true
 * until the commit: a check of the tier, and a touch of its guard, which a deletion of the tier checks.
 */
async function planTiers(
  store: Store,
  resources: readonly AnyResource[],
  writes: Map<string, StoreWrite>,
): Promise<Result<ResourceError[], readonly ResourceError[]>> {
  const errors: ResourceError[] = [];
  for (const resource of resources) {
    const tier = tierOf(resource);
    if (tier === undefined) continue;
    const key = resourceKey('Tier', tier);
    if (!writes.has(key)) {
      const found = await store.get(key);
      if (!found.ok) return err([{ kind: 'store', error: found.error }]);
      // Built-in tiers are made before the first write; a dry run makes nothing.
      if (found.value === undefined && Object.hasOwn(builtInTiers, tier)) continue;
      if (found.value === undefined) {
        const reason = `tier ${tier} does not exist: create it, or put it into the same file`;
        errors.push({ kind: 'refused', subject: nameOf(resource), field: 'spec.tier', reason });
        continue;
      }
      writes.set(key, { kind: 'check', key, expect: 'present' });
    }
    const guard = tierGuardKey(tier);
    const isWritten = writes.get(resourceKey(resource.kind, resource.metadata.name, resource.metadata.namespace));
    if (isWritten?.kind === 'put') writes.set(guard, { kind: 'put', key: guard, value: '{}', expect: 'any' });
  }
  return ok(errors);
}
