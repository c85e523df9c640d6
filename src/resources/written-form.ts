/**
 * The JSON object that a resource is written as.
 *
 *   Resource ─[writtenForm]→ JSON object ─[validate]→ the same Resource
 *
 * Invariant: all kinds have their fields under `spec`, save the flat ones of Kubernetes, which have them at the root.
 */
import { type KindEntry, kindEntry } from './kinds.ts';
import type { AnyResource, FieldPath } from './resource.ts';

const envelope = ['apiVersion', 'kind', 'metadata'];

export function writtenForm({
  apiVersion,
  kind,
  metadata,
  spec,
  status,
}: AnyResource): Readonly<Record<string, unknown>> {
  if (kindEntry(kind)?.isFlat) return { apiVersion, kind, metadata, ...spec };
  return { apiVersion, kind, metadata, spec, ...(status !== undefined && { status }) };
}

/** What of a written object is its spec, and the path to it; undefined where a kind of ours has none. */
export function writtenSpec(
  raw: Readonly<Record<string, unknown>>,
  { isFlat }: KindEntry,
): { readonly spec: unknown; readonly path: FieldPath } {
  if (!isFlat) return { spec: raw['spec'], path: ['spec'] };
  return { spec: Object.fromEntries(Object.entries(raw).filter(([key]) => !envelope.includes(key))), path: [] };
}

/** Where a field of the resource stands in what was written. */
export function writtenPath({ kind }: AnyResource, path: FieldPath): FieldPath {
  return kindEntry(kind)?.isFlat && path[0] === 'spec' ? path.slice(1) : path;
}
