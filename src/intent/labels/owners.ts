/**
 * Who owns addresses in a snapshot, and what changed between two.
 *
 *   Snapshot ─[resolveOwners]→ Owner[];  (Snapshot, Snapshot) ─[diffOwners]→ owners to set and to remove
 *
 * Invariant: applying diffOwners(a, b) to the owners of a gives the owners of b. Where b was made from a by updates, it costs
 * what changed; a change of what many take labels from (a Profile's labels, a Site, a Router) costs a walk over the lists.
 */

import { parseCalicoProtocol } from '../../net/ip-protocol.ts';
import { type Prefix, parseAddressOrCidr } from '../../net/prefix.ts';
import type { EndpointPort } from '../../resources/host-endpoint.ts';
import { type AnyResource, type Kind, type Resource, resourceId } from '../../resources/resource.ts';
import { compareSnapshots, type ResourceDifference, type Snapshot } from '../../resources/snapshot.ts';
import { generateHostEndpoints } from '../topology/generate-calico.ts';
import { siteLabels } from '../topology/site-labels.ts';
import {
  hostEndpointLabels,
  namespaceProfile,
  networkSetLabels,
  ownLabels,
  workloadEndpointLabels,
} from './effective-labels.ts';
import type { NamedPort, Owner } from './owner.ts';
import { serviceOwner } from './services.ts';

export interface OwnerChanges {
  readonly set: readonly Owner[];
  /** Ids. */
  readonly removed: readonly string[];
}

type OwnerKind = (typeof ownerKinds)[number];
export type OwnerResource = { [K in OwnerKind]: Resource<K> }[OwnerKind];

export const ownerKinds = [
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
export function diffOwners(
  before: Snapshot | undefined,
  after: Snapshot,
  differences = before ? compareSnapshots(before, after) : [],
): OwnerChanges {
  const set: Owner[] = [];
  const removed: string[] = [];
  const take = (resource: OwnerResource): void => {
    const owner = resolveOwner(after, resource);
    if (owner) set.push(owner);
    else removed.push(ownerId(resource));
  };
  const listed = (kind: OwnerKind) => after.list(kind) as readonly OwnerResource[];
  if (!before) {
    for (const kind of ownerKinds) for (const resource of listed(kind)) take(resource);
    return { set, removed: [] };
  }
  const changed = new Set<AnyResource>();
  for (const { before: old, after: now } of differences) {
    if (now && isOwner(now)) {
      changed.add(now);
      take(now);
    } else if (old && isOwner(old)) removed.push(ownerId(old));
  }
  const touched = touchedReferences(differences);
  if (touched) {
    for (const kind of ownerKinds) {
      for (const resource of listed(kind)) if (!changed.has(resource) && touched(resource)) take(resource);
    }
  }
  return { set, removed };
}

export function isOwner(resource: AnyResource): resource is OwnerResource {
  return (ownerKinds as readonly Kind[]).includes(resource.kind);
}

/** The owner a resource is; undefined when it owns no address. */
export function resolveOwner(snapshot: Snapshot, resource: AnyResource): Owner | undefined {
  const id = ownerId(resource);
  switch (resource.kind) {
    case 'WorkloadEndpoint':
      return owner(id, workloadEndpointLabels(snapshot, resource), resource.spec.ipNetworks, resource.spec.ports);
    case 'HostEndpoint':
      return owner(id, hostEndpointLabels(snapshot, resource), resource.spec.expectedIPs, resource.spec.ports);
    case 'GlobalNetworkSet':
      return owner(id, ownLabels(resource.metadata.labels), resource.spec.nets);
    case 'NetworkSet':
      return owner(id, networkSetLabels(snapshot, resource), resource.spec.nets);
    case 'Site':
      return owner(id, ownLabels({ ...resource.metadata.labels, ...siteLabels(resource) }), resource.spec.prefixes);
    case 'Attachment': {
      const site = snapshot.find('Site', resource.spec.site);
      const endpoints = generateHostEndpoints(resource, site, snapshot.find('Router', resource.spec.router));
      const [first] = endpoints;
      const addresses = endpoints.flatMap(({ spec }) => spec.expectedIPs ?? []);
      return first && owner(id, hostEndpointLabels(snapshot, first), addresses);
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
  ports: readonly EndpointPort[] = noPorts,
): Owner | undefined {
  const prefixes = (addresses ?? []).map(parseAddressOrCidr).filter((prefix): prefix is Prefix => prefix !== undefined);
  if (prefixes.length === 0) return undefined;
  return { id, labels, prefixes, ports: ports.length === 0 ? noPorts : ports.map(namedPort).filter(isKnown) };
}

const noPorts: readonly never[] = [];

function isKnown<T>(value: T | undefined): value is T {
  return value !== undefined;
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

/** Undefined where no resource takes labels from anything that changed. */
function touchedReferences(differences: readonly ResourceDifference[]): Touched | undefined {
  const profiles = new Set<string>();
  const sites = new Set<string>();
  const routers = new Set<string>();
  for (const { before, after } of differences) {
    const { kind, metadata } = (after ?? before) as AnyResource;
    if (kind === 'Profile' && !sameLabels(before, after)) profiles.add(metadata.name);
    if (kind === 'Site') sites.add(metadata.name);
    if (kind === 'Router') routers.add(metadata.name);
  }
  if (profiles.size + sites.size + routers.size === 0) return undefined;
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

/** A profile's rules are nothing to those who take its labels. */
function sameLabels(before: AnyResource | undefined, after: AnyResource | undefined): boolean {
  const [old, now] = [before, after].map((resource) =>
    JSON.stringify(resource?.kind === 'Profile' ? (resource.spec.labelsToApply ?? {}) : {}),
  );
  return old === now;
}
