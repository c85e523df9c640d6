/**
 * Which Kubernetes Services are known: those that have an EndpointSlice.
 *
 *   Snapshot ─[knownServices]→ `namespace/name` of Services
 */
import { serviceNameLabel } from './endpoint-slice.ts';
import type { Resource } from './resource.ts';
import type { ResourceDifference, Snapshot } from './snapshot.ts';

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

/** The same, kept current from one snapshot to the next. A class, because it counts slices. */
export class ServiceCounts {
  private readonly slices = new Map<string, number>();

  has(service: string): boolean {
    return this.slices.has(service);
  }

  /** Takes differences over; whether a Service came to be known or is no longer. */
  update(differences: readonly ResourceDifference[]): boolean {
    const known = new Map<string, boolean>();
    for (const { before, after } of differences) {
      if (before?.kind === 'EndpointSlice') this.count(serviceOf(before), -1, known);
      if (after?.kind === 'EndpointSlice') this.count(serviceOf(after), 1, known);
    }
    return [...known].some(([service, wasKnown]) => this.has(service) !== wasKnown);
  }

  private count(service: string | undefined, by: number, known: Map<string, boolean>): void {
    if (service === undefined) return;
    if (!known.has(service)) known.set(service, this.has(service));
    const count = (this.slices.get(service) ?? 0) + by;
    if (count === 0) this.slices.delete(service);
    else this.slices.set(service, count);
  }
}
