/**
 * The other routers of a redundancy group, and the subnets through which they are reached.
 *
 *   Routers ─[resolve]→ GroupMember[]
 *
 * Invariant: sorted by name; a shared subnet has a different address on each side.
 */
import { compareAddresses, equalAddresses } from '../../net/address.ts';
import { comparePrefixes, equalPrefixes, type InterfaceAddress, maskAddress } from '../../net/prefix.ts';
import { linkPaths } from '../../resources/link-paths.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { InterfaceFacts } from '../policy/policy-intent.ts';
import { linkInterfaces } from './router-interfaces.ts';
import type { GroupMember, SharedSubnet } from './topology.ts';

/** Subnets of links to no Site come first: between them the routers are reached whatever becomes of the Sites. */
export function resolveGroupMembers(snapshot: Snapshot, router: string): GroupMember[] {
  const group = snapshot.find('Router', router)?.spec.redundancyGroup;
  if (group === undefined) return [];
  const own = linkInterfaces(snapshot, router);
  const siteLinks = new Set(
    snapshot
      .list('Attachment')
      .flatMap((attachment) =>
        attachment.spec.router === router ? linkPaths(attachment).map(({ interfaceName }) => interfaceName) : [],
      ),
  );
  return snapshot
    .list('Router')
    .filter((other) => other.spec.redundancyGroup === group && other.metadata.name !== router)
    .map((other) => ({
      router: other,
      shared: sharedSubnets(own, linkInterfaces(snapshot, other.metadata.name)).sort(
        (a, b) =>
          Number(siteLinks.has(a.interfaceName)) - Number(siteLinks.has(b.interfaceName)) || compareShared(a, b),
      ),
    }));
}

function sharedSubnets(own: readonly InterfaceFacts[], others: readonly InterfaceFacts[]): SharedSubnet[] {
  const shared: SharedSubnet[] = [];
  const remotes = others.flatMap(({ addresses }) => addresses);
  for (const { name, addresses } of own) {
    for (const local of addresses) {
      const remote = remotes.find((candidate) => sharesSubnet(local, candidate));
      if (!remote) continue;
      const prefix = maskAddress(local.address, local.length);
      if (shared.some((known) => equalPrefixes(known.prefix, prefix))) continue;
      const { family } = local.address;
      shared.push({ family, prefix, interfaceName: name, local: local.address, remote: remote.address });
    }
  }
  return shared;
}

function sharesSubnet(a: InterfaceAddress, b: InterfaceAddress): boolean {
  if (a.address.family !== b.address.family || a.length !== b.length || equalAddresses(a.address, b.address)) {
    return false;
  }
  return equalPrefixes(maskAddress(a.address, a.length), maskAddress(b.address, b.length));
}

function compareShared(a: SharedSubnet, b: SharedSubnet): number {
  return comparePrefixes(a.prefix, b.prefix) || compareAddresses(a.remote, b.remote);
}
