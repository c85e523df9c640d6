/**
 * A resource as it lies in the store, and back.
 *
 *   Resource ─[printStored]→ JSON under its key ─[readStored]→ Resource with its resourceVersion
 *
 * Invariant: as in Calico's etcd datastore (semantics §6.1), the stored object has no resourceVersion: the revision of its
 * key is the version.
 */
import type { AnyResource, Kind, Metadata } from '../resources/resource.ts';
import { parseStored } from '../resources/text.ts';
import { writtenForm } from '../resources/written-form.ts';
import { err, ok, type Result } from '../result.ts';
import { parseResourceKey, type ResourceName, resourceKey } from './keys.ts';
import type { ResourceError } from './resource-error.ts';
import type { StoreEntry } from './store.ts';

/** Kinds whose stored name may differ from the name a user knows (semantics §6.4). */
export const policyKinds: readonly Kind[] = [
  'GlobalNetworkPolicy',
  'NetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'StagedNetworkPolicy',
];

const nameAnnotation = 'projectcalico.org/metadata';

export function nameOf(resource: AnyResource): ResourceName {
  const { name, namespace } = resource.metadata;
  return { kind: resource.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The keys a resource may lie under: its own, and for policies the one that Calico before 3.32 used for tier `default`. */
export function candidateKeys({ kind, name, namespace }: ResourceName): readonly string[] {
  const key = resourceKey(kind, name, namespace);
  if (!policyKinds.includes(kind) || name.startsWith('default.')) return [key];
  return [key, resourceKey(kind, `default.${name}`, namespace)];
}

/** Reads and validates one entry; its key must be a resource's. */
export function readStored(entry: StoreEntry): Result<AnyResource, Extract<ResourceError, { kind: 'invalid' }>> {
  const subject = parseResourceKey(entry.key);
  if (subject === undefined) throw new Error(`not the key of a resource: ${entry.key}`);
  const invalid = (reasons: readonly string[]) => err({ kind: 'invalid' as const, subject, reasons });
  const parsed = parseStored(entry.value);
  if (!parsed.ok) return invalid(parsed.error.reasons);
  const { kind, metadata } = parsed.value;
  const keys = candidateKeys({ ...subject, name: metadata.name });
  if (kind !== subject.kind || metadata.namespace !== subject.namespace || !keys.includes(entry.key)) {
    return invalid([`kind and name in the object are not those of its key ${entry.key}`]);
  }
  return ok(withVersion(parsed.value, entry.revision));
}

/** The resource as of a revision of its key. */
export function withVersion(resource: AnyResource, revision: number): AnyResource {
  return { ...resource, metadata: { ...resource.metadata, resourceVersion: String(revision) } };
}

/**
 * The revision of the last change that was more than a status; a status carries it, since it moves the key's revision and
 * must not make what a user read meanwhile out of date.
 */
export function specRevisionOf(resource: AnyResource | undefined, revision: number): number {
  const since = resource?.status?.[specRevisionField];
  return typeof since === 'number' && since <= revision ? since : revision;
}

/** The status with the revision of the spec it stands beside. */
export function withSpecRevision(
  status: Readonly<Record<string, unknown>>,
  specRevision: number,
): Readonly<Record<string, unknown>> {
  return { ...status, [specRevisionField]: specRevision };
}

/** For a write that changes more than the status: from then on the key's own revision counts. */
export function withoutSpecRevision(
  status: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  if (status === undefined) return undefined;
  const { [specRevisionField]: _, ...rest } = status;
  return rest;
}

const specRevisionField = 'specRevision';

/** Stable bytes: equal resources print equally, whatever their resourceVersion. */
export function printStored(resource: AnyResource): string {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  const marked = withStoredName(resource, metadata);
  return JSON.stringify(writtenForm({ ...resource, metadata: marked }));
}

/** A policy called `default.x` says so itself, or it would be read back as a `x` that Calico before 3.32 had stored. */
function withStoredName(resource: AnyResource, metadata: Metadata): Metadata {
  if (!policyKinds.includes(resource.kind) || !metadata.name.startsWith('default.')) return metadata;
  const annotations = { ...metadata.annotations, [nameAnnotation]: JSON.stringify({ name: metadata.name }) };
  return { ...metadata, annotations };
}
