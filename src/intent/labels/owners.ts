/**
 * Who owns addresses in a snapshot, and what changed between two.
 *
 *   Snapshot ─[resolveOwners]→ Owner[];  (Snapshot, Snapshot) ─[diffOwners]→ owners to set and to remove
 *
 * Invariant: applying diffOwners(a, b) to the owners of a gives the owners of b. Resources are compared by identity, so a
 * store that keeps unchanged objects makes a change of one cost a walk over the lists and nothing more.
 */

import { parseCalicoProtocol } from '../../net/ip-protocol.ts';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import type { EndpointPort } from '../../resources/host-endpoint.ts';
import { type AnyResource, type Kind, type Resource, resourceId } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { generateHostEndpoint } from '../topology/generate-calico.ts';
import { siteLabels } from '../topology/site-labels.ts';
import { hostEndpointLabels, namespaceProfile, networkSetLabels, workloadEndpointLabels } from './effective-labels.ts';
import type { NamedPort, Owner } from './owner.ts';
import { serviceOwner } from './services.ts';

export interface OwnerChanges {
  readonly set: readonly Owner[];
  /** Ids. */
  readonly removed: readonly string[];
}

type OwnerKind = (typeof ownerKinds)[number];
type OwnerResource = { [K in OwnerKind]: Resource<K> }[OwnerKind];

const ownerKinds = [
  'WorkloadEndpoint',
  'HostEndpoint',
  'GlobalNetworkSet',
  'NetworkSet',
  'Site',
  'Attachment',
  'EndpointSlice',
] as const satisfies readonly Kind[];

/** Every owner of the snapshot; HostEndpoints of all nodes, those of Attachments of all Routers included. */
export function resolveOwners(snapshot: Snapshot): Owner[] {
  return [...diffOwners(undefined, snapshot).set];
}

/** What to set and what to remove; everything is to be set where there was nothing before. */
export function diffOwners(before: Snapshot | undefined, after: Snapshot): OwnerChanges {
  const set: Owner[] = [];
  const removed: string[] = [];
  const touched = touchedReferences(before, after);
  for (const kind of ownerKinds) {
    const old = (before?.list(kind) ?? []) as readonly OwnerResource[];
    const { changed, gone } = diffLists(old, after.list(kind) as readonly OwnerResource[], touched);
    for (const resource of changed) {
      const owner = resolveOwner(after, resource);
      if (owner) set.push(owner);
      else removed.push(ownerId(resource));
    }
    for (const resource of gone) removed.push(ownerId(resource));
  }
  return { set, removed };
}

/** The owner a resource is; undefined when it owns no address. */
function resolveOwner(snapshot: Snapshot, resource: AnyResource): Owner | undefined {
  const id = ownerId(resource);
  switch (resource.kind) {
    case 'WorkloadEndpoint':
      return owner(id, workloadEndpointLabels(snapshot, resource), resource.spec.ipNetworks, resource.spec.ports);
    case 'HostEndpoint':
      return owner(id, hostEndpointLabels(snapshot, resource), resource.spec.expectedIPs, resource.spec.ports);
    case 'GlobalNetworkSet':
      return owner(id, new Map(Object.entries(resource.metadata.labels ?? {})), resource.spec.nets);
    case 'NetworkSet':
      return owner(id, networkSetLabels(snapshot, resource), resource.spec.nets);
    case 'Site':
      return owner(
        id,
        new Map(Object.entries({ ...resource.metadata.labels, ...siteLabels(resource) })),
        resource.spec.prefixes,
      );
    case 'Attachment': {
      const site = snapshot.find('Site', resource.spec.site);
      const endpoint = generateHostEndpoint(resource, site, snapshot.find('Router', resource.spec.router));
      return endpoint && owner(id, hostEndpointLabels(snapshot, endpoint), endpoint.spec.expectedIPs);
    }
    case 'EndpointSlice':
      return serviceOwner(resource);
    default:
      return undefined;
  }
}

function owner(
  id: string,
  labels: ReadonlyMap<string, string>,
  addresses: readonly string[] | undefined,
  ports: readonly EndpointPort[] = [],
): Owner | undefined {
  const prefixes = (addresses ?? []).map(parseAddressOrCidr).filter((prefix): prefix is Prefix => prefix !== undefined);
  if (prefixes.length === 0) return undefined;
  return { id, labels, prefixes, ports: ports.map(namedPort).filter((port) => port !== undefined) };
}

function namedPort({ name, protocol, port }: EndpointPort): NamedPort | undefined {
  const number = parseCalicoProtocol(protocol);
  return number === undefined ? undefined : { name, protocol: number, port };
}

/** An Attachment's addresses are its HostEndpoint's, and are named so. */
function ownerId(resource: AnyResource): string {
  return resource.kind === 'Attachment' ? `HostEndpoint/~${resource.metadata.name}` : resourceId(resource);
}

/** Whether something changed that an unchanged resource takes labels from. */
type Touched = (resource: OwnerResource) => boolean;

function touchedReferences(before: Snapshot | undefined, after: Snapshot): Touched {
  const profiles = changedNames(before, after, 'Profile');
  const sites = changedNames(before, after, 'Site');
  const routers = changedNames(before, after, 'Router');
  if (profiles.size + sites.size + routers.size === 0) return () => false;
  return (resource) => {
    switch (resource.kind) {
      case 'WorkloadEndpoint':
      case 'HostEndpoint':
        return resource.spec.profiles?.some((name) => profiles.has(name)) ?? false;
      case 'NetworkSet':
        return profiles.has(namespaceProfile(resource));
      case 'Attachment':
        return sites.has(resource.spec.site) || routers.has(resource.spec.router);
      case 'GlobalNetworkSet':
      case 'Site':
      case 'EndpointSlice':
        return false;
    }
  };
}

function changedNames(before: Snapshot | undefined, after: Snapshot, kind: Kind): Set<string> {
  const { changed, gone } = diffLists<AnyResource>(
    (before?.list(kind) ?? []) as readonly AnyResource[],
    after.list(kind) as readonly AnyResource[],
    () => false,
  );
  return new Set([...changed, ...gone].map(({ metadata }) => metadata.name));
}

interface ListDiff<R> {
  readonly changed: readonly R[];
  readonly gone: readonly R[];
}

/** How far one list is searched ahead in the other before both rests are compared by id. */
const lookahead = 64;

/** Walks both lists together; equal objects cost one comparison. */
function diffLists<R extends AnyResource>(
  before: readonly R[],
  after: readonly R[],
  touched: (r: R) => boolean,
): ListDiff<R> {
  const changed: R[] = [];
  const gone: R[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length && j < after.length) {
    const old = before[i] as R;
    const now = after[j] as R;
    if (old === now || resourceId(old) === resourceId(now)) {
      if (old !== now || touched(now)) changed.push(now);
      i++;
      j++;
      continue;
    }
    const inserted = after.slice(j, j + lookahead).indexOf(old);
    const deleted = before.slice(i, i + lookahead).indexOf(now);
    if (inserted <= 0 && deleted <= 0) break;
    if (inserted > 0) {
      changed.push(...after.slice(j, j + inserted));
      j += inserted;
    } else {
      gone.push(...before.slice(i, i + deleted));
      i += deleted;
    }
  }
  return diffById(before.slice(i), after.slice(j), touched, { changed, gone });
}

function diffById<R extends AnyResource>(
  before: readonly R[],
  after: readonly R[],
  touched: (r: R) => boolean,
  found: { changed: R[]; gone: R[] },
): ListDiff<R> {
  const old = new Map(before.map((resource) => [resourceId(resource), resource]));
  for (const resource of after) {
    const id = resourceId(resource);
    if (old.get(id) !== resource || touched(resource)) found.changed.push(resource);
    old.delete(id);
  }
  for (const resource of old.values()) found.gone.push(resource);
  return found;
}
