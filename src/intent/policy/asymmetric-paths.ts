/**
 * Redundant routers between which the two directions of a flow may divide (semantics §4.7, §8).
 *
 *   Topology, Attachments ─[warnOfAsymmetricPaths]→ Warning[]
 *
 * A router that sees one direction only takes its packets for invalid, and drops them on every endpoint. Invariant: where
 * one router of a group is preferred for every Site it shares, nothing is said.
 */
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import type { PolicyIntent } from './policy-intent.ts';

export function warnOfAsymmetricPaths(snapshot: Snapshot, topology: Topology, policy: PolicyIntent): Warning[] {
  const router = topology.router.resource;
  const group = new Set([
    topology.router.name,
    ...topology.groupMembers.map(({ router: other }) => other.metadata.name),
  ]);
  if (!router || group.size < 2 || !policy.dropsInvalid || policy.endpoints.length === 0) return [];
  const preferred = preferredRouters(snapshot.list('Attachment'), group);
  const divided = [...preferred].find(([, routers]) => routers.size > 1);
  const choices = new Map([...preferred].map(([site, routers]) => [[...routers].sort().join(' and '), site]));
  if (!divided && choices.size < 2) return [];
  const [a, b] = [...choices];
  const how = divided
    ? `Site ${divided[0]} is reached through ${[...divided[1]].sort().join(' and ')} alike`
    : `Site ${a?.[1]} prefers ${a?.[0]} and Site ${b?.[1]} prefers ${b?.[0]}`;
  return [
    {
      code: 'asymmetric-paths',
      subject: router,
      path: ['spec', 'redundancyGroup'],
      message: `${how}, so the two directions of a flow may take different routers, and each drops what it did not see begin (conntrack state invalid): make one of the group primary for all its Sites (Attachment bgp.preference)`,
    },
  ];
}

/** Of each Site that several routers of the group serve: those none of which is preferred to the others. */
function preferredRouters(
  attachments: readonly Resource<'Attachment'>[],
  group: ReadonlySet<string>,
): Map<string, ReadonlySet<string>> {
  const bySite = new Map<string, Resource<'Attachment'>[]>();
  for (const attachment of attachments) {
    if (!group.has(attachment.spec.router)) continue;
    bySite.set(attachment.spec.site, [...(bySite.get(attachment.spec.site) ?? []), attachment]);
  }
  const preferred = new Map<string, ReadonlySet<string>>();
  for (const [site, serving] of [...bySite].sort(([x], [y]) => (x < y ? -1 : 1))) {
    if (new Set(serving.map(({ spec }) => spec.router)).size < 2) continue;
    const best = Math.max(...serving.map(rank));
    preferred.set(site, new Set(serving.filter((each) => rank(each) === best).map(({ spec }) => spec.router)));
  }
  return preferred;
}

/** As the local preference is: an Attachment that says nothing stands between the two. */
function rank({ spec }: Resource<'Attachment'>): number {
  switch (spec.bgp?.preference) {
    case 'primary':
      return 2;
    case 'backup':
      return 0;
    case undefined:
      return 1;
  }
}
