/**
 * Where each resource lives in a Store.
 *
 *   Resource ─[resourceKey]→ key in Store ─[parseResourceKey]→ kind, namespace, name
 *
 * Calico kinds keep the key layout of Calico's etcd datastore (semantics §6.1), so that an existing installation can be
 * read as it stands; our kinds have a root of their own beside it. Invariant: parse is the inverse of print, and a key
 * that parses belongs to a kind we know.
 */
import { type KindEntry, kinds } from '../resources/kinds.ts';
import type { Kind } from '../resources/resource.ts';

/** The longest prefix both roots share: one list and one watch over it show every transaction on resources whole. */
export const resourcesPrefix = '/ca';

/** Keys that no resource has: they let transactions that must exclude each other meet on one key. */
const guardRoot = '/causeway/guards/v1/';

/** The name of one resource, as keys and messages give it. */
export interface ResourceName {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace?: string;
}

interface KindPlace {
  readonly entry: KindEntry;
  readonly prefix: string;
}

const places = new Map<Kind, KindPlace>(
  kinds.map((entry) => [entry.kind, { entry, prefix: `${rootOf(entry)}${entry.plural}/` }]),
);
const placeByPrefix = new Map<string, KindPlace>([...places.values()].map((place) => [place.prefix, place]));

/** The prefix of every key of a kind, or of one namespace of it; ends in `/`. */
export function kindPrefix(kind: Kind, namespace?: string): string {
  const { prefix } = placeOf(kind);
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}

/** The key of one resource; `namespace` exactly where the kind has one. */
export function resourceKey(kind: Kind, name: string, namespace?: string): string {
  const { entry, prefix } = placeOf(kind);
  return entry.namespaced ? `${prefix}${namespace ?? 'default'}/${name}` : `${prefix}${name}`;
}

/** The resource a key belongs to; undefined for keys that are not resources, or of kinds we do not have. */
export function parseResourceKey(key: string): ResourceName | undefined {
  // Both roots have four components before the plural: "", root, "resources", version, group.
  const parts = key.split('/');
  const place = placeByPrefix.get(`${parts.slice(0, 6).join('/')}/`);
  if (place === undefined) return undefined;
  const rest = parts.slice(6);
  if (rest.some((part) => part === '')) return undefined;
  const { kind, namespaced } = place.entry;
  const [first, second] = rest;
  if (namespaced) {
    if (rest.length !== 2 || first === undefined || second === undefined) return undefined;
    return { kind, namespace: first, name: second };
  }
  return rest.length === 1 && first !== undefined ? { kind, name: first } : undefined;
}

/** Written whenever a policy enters a tier, and checked when the tier is deleted: neither can overtake the other. */
export function tierGuardKey(tier: string): string {
  return `${guardRoot}tiers/${tier}`;
}

/** `Kind(name)` or `Kind(namespace/name)`, the form of Calico's error phrases. */
export function printResourceName({ kind, name, namespace }: ResourceName): string {
  return namespace === undefined ? `${kind}(${name})` : `${kind}(${namespace}/${name})`;
}

function placeOf(kind: Kind): KindPlace {
  const place = places.get(kind);
  if (place === undefined) throw new Error(`no such kind: ${kind}`);
  return place;
}

function rootOf(entry: KindEntry): string {
  switch (entry.apiVersion) {
    case 'projectcalico.org/v3':
      return '/calico/resources/v3/projectcalico.org/';
    case 'causeway.dev/v1':
      return '/causeway/resources/v1/causeway.dev/';
    case 'discovery.k8s.io/v1':
      return '/causeway/resources/v1/discovery.k8s.io/';
  }
}
