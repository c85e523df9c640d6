/**
 * A redundancy group as one of its routers sees it, and whether the kernel may use several paths at once.
 *
 *   Pins, StateSyncIntent, Topology.groupMembers → [resolve-group] → RoutingIntent.group, .multipath
 */
import { type Family, families } from '../../net/address.ts';
import { parseAsn } from '../../net/asn.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import { resolveGroupMembers } from '../topology/group-members.ts';
import type { GroupMember, Topology } from '../topology/topology.ts';
import { listNames } from './list-names.ts';
import type { Pins } from './resolve-pins.ts';
import type { GroupIntent, MultipathIntent, StateSyncIntent } from './routing-intent.ts';

export function resolveGroup(
  snapshot: Snapshot,
  topology: Topology,
  pins: Pins,
  stateSync: StateSyncIntent | undefined,
): GroupIntent | undefined {
  const name = topology.router.resource?.spec.redundancyGroup;
  if (name === undefined) return undefined;
  const isJoined = isGroupJoined(snapshot, topology);
  return {
    name,
    members: groupRouters(topology),
    // Routers that hear nothing of each other each prefer what they learned themselves, whatever is asked of them.
    pins: pins.pins.map((pin) =>
      isJoined || pin.by === 'only-router' ? pin : { site: pin.site, router: undefined, by: 'none' },
    ),
    stateSync,
  };
}

/** All routers of the group, this one included, sorted; a router that stands alone is its own group. */
export function groupRouters({ router, groupMembers }: Topology): string[] {
  return [router.name, ...groupMembers.map((member) => member.router.metadata.name)].sort();
}

/**
 * Whether each router of the group exchanges the routes of all Sites with each other one; if not, some go by what they learned
 * themselves. Asked of all pairs, also those without this router, so that all routers give one answer.
 */
function isGroupJoined(snapshot: Snapshot, { router, groupMembers, sites }: Topology): boolean {
  const as = router.resource && parseAsn(router.resource.spec.asNumber);
  const pairs = [
    ...groupMembers,
    ...groupMembers.flatMap((member) => resolveGroupMembers(snapshot, member.router.metadata.name)),
  ];
  return pairs.every(
    (member) => familiesApart(member, sites).length === 0 && parseAsn(member.router.spec.asNumber) === as,
  );
}

/** Families that Sites have prefixes in and that no subnet shared with the other router carries. */
export function familiesApart({ shared }: GroupMember, sites: Topology['sites']): Family[] {
  const used = families.filter((family) => sites.some((site) => site.prefixes.some((one) => one.family === family)));
  return used.filter((family) => !shared.some((subnet) => subnet.family === family));
}

/** Policy follows connections, so packets of one flow must meet a router that knows it, whichever path they take. */
export function resolveMultipath({ router, groupMembers }: Topology, group: GroupIntent | undefined): MultipathIntent {
  if (router.resource?.spec.forwarding?.multipath === 'Off') {
    return { isOn: false, reason: 'switched off by forwarding.multipath' };
  }
  if (!group || groupMembers.length === 0) return { isOn: true, reason: 'the router stands alone' };
  const loose = group.pins.filter((pin) => pin.router === undefined).map((pin) => pin.site);
  if (loose.length === 0) return { isOn: true, reason: 'every Site is pinned to one router of the group' };
  const named = listNames(loose);
  if (group.stateSync && group.stateSync.peers.length === groupMembers.length) {
    return { isOn: true, reason: `connection state is shared in the group, so ${named} need not be pinned` };
  }
  return {
    isOn: false,
    reason: `flows of ${named} may pass another router on their way back: pin them, or share connection state`,
  };
}
