/**
 * Which Kubernetes Services are known: those that have an EndpointSlice.
 *
 *   Snapshot ─[knownServices]→ `namespace/name` of Services
 */
import { serviceNameLabel } from './endpoint-slice.ts';
import type { Resource } from './resource.ts';
import type { Snapshot } from './snapshot.ts';

/** `namespace/name` of the Service a slice belongs to; undefined where it belongs to none. */
export function serviceOf({ metadata }: Resource<'EndpointSlice'>): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name === undefined || name === '' ? undefined : `${metadata.namespace ?? 'default'}/${name}`;
}

const known = new WeakMap<readonly Resource<'EndpointSlice'>[], ReadonlySet<string>>();

/** Every Service that has a slice, sorted, be it empty: Kubernetes keeps an empty slice for a Service without endpoints. */
export function knownServices(snapshot: Snapshot): ReadonlySet<string> {
  const slices = snapshot.list('EndpointSlice');
  // Snapshots share the lists that did not change.
  const before = known.get(slices);
  if (before) return before;
  const services = new Set(
    slices
      .map(serviceOf)
      .filter((service) => service !== undefined)
      .sort(),
  );
  known.set(slices, services);
  return services;
}
