/**
 * Where a router sends a packet: longest-prefix forwarding, as far as files tell it.
 *
 *   Topology ─[fibFromTopology]→ Fib ─[lookupRoute]→ here, out of an interface, or nowhere
 *
 * Invariant: a router's own address is never forwarded to, and of two routes for one prefix the first one stands.
 */

import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import type { AttachmentFacts, Topology } from '../intent/topology/topology.ts';
import { type Address, printAddress } from '../net/address.ts';
import { containsAddress, hostPrefix, maskAddress, type Prefix, parsePrefix } from '../net/prefix.ts';
import { PrefixTrie } from '../net/prefix-trie.ts';
import type { Resource } from '../resources/resource.ts';

export interface FibEntry {
  readonly prefix: Prefix;
  readonly outbound: string;
}

export interface Fib {
  readonly routes: PrefixTrie<string>;
  /** The router's own addresses, printed. */
  readonly locals: ReadonlySet<string>;
  /** Whether addresses are kept from default routes, which counts for packets that are forwarded. */
  readonly confined: PrefixTrie<boolean>;
}

export type RouteLookup =
  /** The router itself. */
  | { readonly kind: 'local' }
  /** Of the link only: the router takes what arrives and forwards none of it. */
  | { readonly kind: 'link' }
  | { readonly kind: 'forward'; readonly outbound: string; readonly prefix: Prefix }
  /** Only a default route leads there, and none may carry what is forwarded to this prefix. */
  | { readonly kind: 'confined'; readonly prefix: Prefix }
  | { readonly kind: 'no-route' };

const loopback = prefixes('127.0.0.0/8 ::1/128');
/** Multicast, limited broadcast (RFC 919) and IPv6 link-local (RFC 4291 §2.5.6). Linux does forward 169.254.0.0/16. */
const linkOnly = prefixes('224.0.0.0/4 255.255.255.255/32 fe80::/10 ff00::/8');

export function makeFib(
  entries: Iterable<FibEntry>,
  locals: Iterable<Address>,
  { within, except }: PrefixBound = { within: [], except: [] },
): Fib {
  const routes = new PrefixTrie<string>();
  for (const { prefix, outbound } of entries) if (routes.get(prefix) === undefined) routes.insert(prefix, outbound);
  const confined = new PrefixTrie<boolean>();
  for (const prefix of within) confined.insert(prefix, true);
  for (const prefix of except) confined.insert(prefix, false);
  return { routes, locals: new Set(Array.from(locals, printAddress)), confined };
}

/** Whether the router itself is there. */
export function isLocal(fib: Fib, address: Address): boolean {
  return fib.locals.has(printAddress(address)) || isInAny(loopback, address);
}

/** `isForwarded`: the packet is not the router's own. */
export function lookupRoute(fib: Fib, destination: Address, isForwarded = true): RouteLookup {
  if (isLocal(fib, destination)) return { kind: 'local' };
  if (isInAny(linkOnly, destination)) return { kind: 'link' };
  const route = fib.routes.longestMatch(destination);
  if (!route) return { kind: 'no-route' };
  const confined = isForwarded && route.prefix.length === 0 ? fib.confined.longestMatch(destination) : undefined;
  if (confined?.value) return { kind: 'confined', prefix: confined.prefix };
  return { kind: 'forward', outbound: route.value, prefix: route.prefix };
}

/**
 * The routes that resources alone promise: the subnets of the router's interfaces, then the prefixes of each Site by way
 * of its Attachment, static ones too, whether or not BGP has announced them yet, then those that only another router of the
 * group is attached to, by way of it. Where several Attachments lead to one Site, the first by name that is no backup
 * stands for all.
 *
 * `everyAttachment` is every Attachment of the snapshot, other routers' too.
 */
export function fibFromTopology(topology: Topology, everyAttachment: readonly Resource<'Attachment'>[] = []): Fib {
  const links = topology.interfaces.flatMap(({ name, addresses }) => addresses.map((each) => ({ name, ...each })));
  const attachments = [...topology.attachments].sort((a, b) => Number(isBackup(a)) - Number(isBackup(b)));
  const connected = links.map(({ name, address, length }) => ({
    prefix: maskAddress(address, length),
    outbound: name,
  }));
  return makeFib(
    [...connected, ...attachments.flatMap(attachmentRoutes), ...groupRoutes(topology, everyAttachment)],
    [
      ...topology.router.addresses,
      ...links.map(({ address }) => address),
      ...attachments.flatMap((attachment) => attachment.local.map(({ address }) => address)),
    ],
  );
}

function isBackup(attachment: AttachmentFacts): boolean {
  return attachment.resource.spec.bgp?.preference === 'backup';
}

/** What lies behind the Site by its first path; each path's own subnet by that path. */
function attachmentRoutes({ paths, resource, site }: AttachmentFacts): FibEntry[] {
  const stated = (resource.spec.static?.prefixes ?? []).flatMap((text) => parsePrefix(text) ?? []);
  return paths.flatMap(({ interfaceName, local, remote }, i) => {
    const near = [...local.map(({ address, length }) => maskAddress(address, length)), ...remote.map(hostPrefix)];
    const reached = i === 0 ? [...near, ...stated, ...site.prefixes] : near;
    return reached.map((prefix) => ({ prefix, outbound: interfaceName }));
  });
}

function groupRoutes(topology: Topology, everyAttachment: readonly Resource<'Attachment'>[]): FibEntry[] {
  return topology.groupMembers.flatMap(({ router, shared }) =>
    everyAttachment
      .filter(({ spec }) => spec.router === router.metadata.name)
      .flatMap(({ spec }) => [
        ...(spec.static?.prefixes ?? []).flatMap((text) => parsePrefix(text) ?? []),
        ...(topology.sites.find(({ name }) => name === spec.site)?.prefixes ?? []),
      ])
      .flatMap((prefix) => {
        const way = shared.find(({ family }) => family === prefix.family);
        return way ? [{ prefix, outbound: way.interfaceName }] : [];
      }),
  );
}

function isInAny(list: readonly Prefix[], address: Address): boolean {
  return list.some((prefix) => containsAddress(prefix, address));
}

function prefixes(text: string): Prefix[] {
  return text.split(' ').flatMap((each) => parsePrefix(each) ?? []);
}
