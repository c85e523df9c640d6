/**
 * What a check between resources finds, and the form every such check has.
 */
import type { AnyResource, FieldPath, Resource } from '../resource.ts';
import type { Snapshot } from '../snapshot.ts';

export interface Finding {
  /** `missing`: an error, but only because an object that is named is not among those given. */
  readonly severity: 'error' | 'missing' | 'warning';
  readonly resource: AnyResource;
  readonly path: FieldPath;
  /** What is wrong, and what would be right. */
  readonly reason: string;
}

/** A check looks at the whole snapshot in time close to linear and returns what it finds, in the snapshot's order. */
export type ReferenceCheck = (snapshot: Snapshot) => Iterable<Finding>;

export function error(resource: Resource, path: FieldPath, reason: string): Finding {
  return { severity: 'error', resource: resource as AnyResource, path, reason };
}

export function missing(resource: Resource, path: FieldPath, reason: string): Finding {
  return { severity: 'missing', resource: resource as AnyResource, path, reason };
}

export function warning(resource: Resource, path: FieldPath, reason: string): Finding {
  return { severity: 'warning', resource: resource as AnyResource, path, reason };
}

/** Names of a kind, for membership tests. */
export function namesOf(resources: readonly Resource[]): ReadonlySet<string> {
  return new Set(resources.map((resource) => resource.metadata.name));
}
