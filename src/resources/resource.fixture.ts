/**
 * A resource in one line, for tests: valid by its types alone, never validated.
 */
import { kindEntry } from './kinds.ts';
import type { AnyResource, Kind, Labels, Resource, SpecByKind } from './resource.ts';

export function resource<K extends Kind>(
  kind: K,
  name: string,
  spec: SpecByKind[K],
  labels: Labels = {},
  namespace?: string,
): AnyResource {
  const apiVersion = kindEntry(kind)?.apiVersion ?? '';
  const metadata = { name, labels, ...(namespace === undefined ? {} : { namespace }) };
  const made: Resource<K> = { apiVersion, kind, metadata, spec };
  // TypeScript cannot see that the Resource of some kind is one of the union of all.
  return made as unknown as AnyResource;
}
