/**
 * Attributes of the sessions that BGPPeers and the mesh ask for.
 *
 *   PeerClaim[] → [resolve-calico-sessions] → SessionIntent[]
 *
 * Attributes are Calico's (semantics §5.2.2). Three things differ on a Router: it learns a default route from such a peer
 * only if a filter accepts it; it speaks from the interface that faces the peer, since it has several; and a peer at the far
 * end of an Attachment is its Site, whose bounds then narrow what Calico's filters let through, in both directions.
 */
import { type Address, equalAddresses, parseAddress, printAddress } from '../../net/address.ts';
import { parseAsn } from '../../net/asn.ts';
import { containsAddress, maskAddress } from '../../net/prefix.ts';
import type { BgpPeerSpec } from '../../resources/bgp-peer.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { Topology } from '../topology/topology.ts';
import { addressOf, type CalicoNode, hasAddress, otherNodes, selfAsNode } from './calico-nodes.ts';
import { admitsDefaultRoute, type OwnedPrefix, resolveExportBound, resolveImportBound } from './resolve-bounds.ts';
import { isMeshMember, type PeerClaim, type PeerWorld, resolvePeerClaims } from './resolve-calico-peers.ts';
import type { RoutingSettings } from './resolve-settings.ts';
import type { SessionIntent } from './routing-intent.ts';
import { calicoSessionName } from './session-name.ts';
import { resolveKeepalive, resolveRestart, type TimerField } from './session-timers.ts';

/** `taken` are addresses and ports that Attachments and the group already speak to. */
export function resolveCalicoSessions(
  snapshot: Snapshot,
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  taken: readonly SessionIntent[],
  warnings: Warning[],
): SessionIntent[] {
  const self = selfAsNode(topology, settings);
  const inMesh = isMeshMember(topology, self, settings.global.nodeToNodeMeshEnabled);
  const world: PeerWorld = {
    snapshot,
    self,
    others: otherNodes(snapshot, topology),
    inMesh,
    answersOthers: topology.router.node !== undefined,
    speaks: (family) => topology.router.resource !== undefined || addressOf(self, family) !== undefined,
    isOwnAddress: (address) =>
      hasAddress(self, address) || topology.router.addresses.some((own) => equalAddresses(own, address)),
  };
  const claims = resolvePeerClaims(world, warnings);
  const byEnd = new Map<string, string>(taken.map((session) => [endOf(session), session.description]));
  const sessions: SessionIntent[] = [];
  for (const claim of claims) {
    const first = byEnd.get(endOf(claim));
    if (first !== undefined) {
      warnClaimed(claim, first, warnings);
      continue;
    }
    const session = sessionOf(topology, settings, ownership, self, claim, warnings);
    byEnd.set(endOf(claim), session.description);
    sessions.push(session);
  }
  return sessions;
}

function sessionOf(
  topology: Topology,
  settings: RoutingSettings,
  ownership: readonly OwnedPrefix[],
  self: CalicoNode,
  claim: PeerClaim,
  warnings: Warning[],
): SessionIntent {
  const spec: BgpPeerSpec = claim.peer?.spec ?? meshSpec(settings);
  const isWorkload = claim.sort === 'Local_Workload';
  const localAs = localAsOf(spec, claim, settings, warnings);
  const isInternal = claim.remoteAs === localAs;
  const isRouter = topology.router.resource !== undefined;
  const source = isWorkload ? workloadSource(settings, claim) : sourceOf(topology, self, spec, claim.neighbor);
  const keepalive = resolveKeepalive(timer(claim, 'keepaliveTime', spec.keepaliveTime), undefined, warnings);
  const rrClient = isInternal && self.clusterId !== undefined && claim.node?.clusterId !== self.clusterId;
  const hops = spec.ttlSecurity ?? 0;
  const filters = spec.filters ?? [];
  const bounds = siteBounds(topology, ownership, claim.neighbor);
  return {
    name: calicoSessionName(claim.sort, claim.neighbor, claim.port),
    origin: claim.peer,
    description: claim.peer
      ? `BGPPeer/${claim.peer.metadata.name}`
      : `node-to-node mesh, Node/${claim.node?.name ?? ''}`,
    family: claim.neighbor.family,
    neighbor: claim.neighbor,
    port: claim.port,
    remoteAs: claim.remoteAs,
    localAs,
    ...(source ? { sourceAddress: source } : {}),
    passive: claim.passive,
    reach: hops > 0 && !isWorkload ? { hops } : 'any',
    ttlSecurity: hops > 0 && !isWorkload,
    nextHop: nextHopOf(spec, isInternal),
    rrClient,
    ...(rrClient && self.clusterId !== undefined ? { rrClusterId: self.clusterId } : {}),
    gracefulRestart: resolveRestart(timer(claim, 'maxRestartTime', spec.maxRestartTime), warnings),
    ...(keepalive === undefined ? {} : { keepalive }),
    allowLocalAs: claim.honorsLocalAs ? (spec.numAllowedLocalASNumbers ?? 0) : 0,
    ...(spec.password && !isWorkload ? { password: spec.password.secretKeyRef } : {}),
    enforcesFirstAs: false,
    channels: [
      {
        family: claim.neighbor.family,
        extendedNextHop: false,
        import: {
          filters,
          ...(bounds ? { bound: bounds.import } : {}),
          acceptsDefaultRoute: bounds ? admitsDefaultRoute(bounds.import) : !isRouter,
          refusesBogons: false,
          refusesOwnPrefixes: false,
          refusesOwnRoutes: false,
          honorsGracefulShutdown: false,
          default: 'accept',
        },
        export: {
          filters,
          ...(bounds ? { bound: bounds.export } : {}),
          communities: [],
          prepend: 0,
          overridesAs: false,
          hidesMarks: isRouter && !isInternal,
          originatesDefault: false,
          aggregates: [],
          default: 'calico',
        },
      },
    ],
  };
}

function timer(claim: PeerClaim, field: string, text: string | undefined): TimerField {
  return { subject: claim.peer, path: ['spec', field], text };
}

/** Bounds of the Site at whose end of an Attachment the neighbor is; undefined for any other neighbor. */
function siteBounds(topology: Topology, ownership: readonly OwnedPrefix[], neighbor: Address) {
  const attachment = topology.attachments.find(({ remote }) => remote.some((one) => equalAddresses(one, neighbor)));
  if (!attachment) return undefined;
  const site = attachment.site.name;
  return {
    import: resolveImportBound(ownership, site, neighbor.family),
    export: resolveExportBound(ownership, site, topology.exchangesWith, neighbor.family),
  };
}

/** The mesh as if it were a BGPPeer; mesh sessions never carry filters. */
function meshSpec(settings: RoutingSettings): BgpPeerSpec {
  const { nodeMeshPassword, nodeMeshMaxRestartTime } = settings.global;
  return {
    ...(nodeMeshPassword === undefined ? {} : { password: nodeMeshPassword }),
    ...(nodeMeshMaxRestartTime === undefined ? {} : { maxRestartTime: nodeMeshMaxRestartTime }),
  };
}

function localAsOf(spec: BgpPeerSpec, claim: PeerClaim, settings: RoutingSettings, warnings: Warning[]) {
  const declared = spec.localASNumber === undefined ? undefined : parseAsn(spec.localASNumber);
  if (claim.honorsLocalAs) return declared ?? settings.localAs;
  for (const field of ['localASNumber', 'numAllowedLocalASNumbers'] as const) {
    if (spec.peerSelector && (spec[field] ?? 0) !== 0) warnIgnored(claim, field, warnings);
  }
  return settings.localAs;
}

/** Once for each BGPPeer, whatever number of nodes it selects. */
function warnIgnored({ peer }: PeerClaim, field: keyof BgpPeerSpec, warnings: Warning[]): void {
  const code = field === 'localASNumber' ? 'local-as-ignored' : 'allowed-local-as-ignored';
  if (warnings.some((warning) => warning.code === code && warning.subject === peer)) return;
  warnings.push({
    code,
    subject: peer,
    path: ['spec', field],
    message: `${field} does not count together with peerSelector, as in Calico: name the peers by peerIP`,
  });
}

function nextHopOf(spec: BgpPeerSpec, isInternal: boolean): SessionIntent['nextHop'] {
  if (spec.nextHopMode === 'Self') return 'self';
  if (spec.nextHopMode === 'Keep') return 'keep';
  // The deprecated flag works on eBGP sessions only; iBGP keeps the next hop anyway.
  return spec.keepOriginalNextHop === true && !isInternal ? 'keep' : 'default';
}

function sourceOf(topology: Topology, self: CalicoNode, spec: BgpPeerSpec, neighbor: Address): Address | undefined {
  if (spec.sourceAddress === 'None') return undefined;
  const own = addressOf(self, neighbor.family);
  if (!topology.router.resource) return own;
  const facing = topology.interfaces
    .flatMap((one) => one.addresses)
    .find((one) => containsAddress(maskAddress(one.address, one.length), neighbor));
  return facing?.address ?? own;
}

/** Workloads speak to a virtual address, where one is set. */
function workloadSource(settings: RoutingSettings, claim: PeerClaim): Address | undefined {
  const { localWorkloadPeeringIPV4, localWorkloadPeeringIPV6 } = settings.global;
  const text = claim.neighbor.family === 4 ? localWorkloadPeeringIPV4 : localWorkloadPeeringIPV6;
  return text === undefined ? undefined : parseAddress(text);
}

function endOf(end: { readonly neighbor: Address; readonly port: number }): string {
  return `${printAddress(end.neighbor)} ${end.port}`;
}

/** The mesh and implied peerings give way silently: that they overlap with what is written is normal. */
function warnClaimed(claim: PeerClaim, first: string, warnings: Warning[]): void {
  if (!claim.peer || claim.isImplied || first === `BGPPeer/${claim.peer.metadata.name}`) return;
  warnings.push({
    code: 'peer-claimed-twice',
    subject: claim.peer,
    path: ['spec'],
    message: `${printAddress(claim.neighbor)} port ${claim.port} already has a session from ${first}, which wins`,
  });
}
