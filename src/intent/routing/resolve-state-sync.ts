/**
 * The link over which the routers of a group share the state of connections.
 *
 *   Router.stateSync of all routers of the group ─[resolve-state-sync]→ StateSyncIntent → conntrackd
 *
 * Invariant: peers are only those that send to this router as well: the same port, an address in the same subnet.
 */
import { type Address, compareAddresses, equalAddresses, printAddress } from '../../net/address.ts';
import { containsAddress, type InterfaceAddress, maskAddress } from '../../net/prefix.ts';
import { linkPaths } from '../../resources/link-paths.ts';
import type { Resource } from '../../resources/resource.ts';
import type { RouterSpec } from '../../resources/router.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import { linkInterfaces } from '../topology/router-interfaces.ts';
import type { Topology } from '../topology/topology.ts';
import type { StateSyncIntent } from './routing-intent.ts';

/** conntrackd's own. */
const defaultPort = 3780;

type StateSync = NonNullable<RouterSpec['stateSync']>;

/** Undefined where the router does not share, or could share with nobody. */
export function resolveStateSync(
  snapshot: Snapshot,
  { router, groupMembers }: Topology,
  warnings: Warning[],
): StateSyncIntent | undefined {
  const sync = router.resource?.spec.stateSync;
  if (!router.resource || !sync) return undefined;
  const warn = (code: string, message: string): void => {
    warnings.push({ code, subject: router.resource, path: ['spec', 'stateSync'], message });
  };
  if (groupMembers.length === 0) {
    warn('state-sync-alone', 'no other Router is of this redundancyGroup: connection state is shared with nobody');
    return undefined;
  }
  for (const attachment of attachmentsOver(snapshot, router.name, sync.interface)) {
    warn(
      'state-sync-link-shared',
      `Attachment ${attachment.metadata.name} runs over ${sync.interface} too: state needs a link of its own, on which a Site can neither read nor forge it`,
    );
  }
  const own = addressesOn(snapshot, router.name, sync.interface);
  if (own.length === 0) {
    warn('state-sync-no-address', `no state is shared: spec.interfaces has no address on ${sync.interface}`);
    return undefined;
  }
  const others = groupMembers.map((member) => member.router);
  const local = own.find((one) => others.some((other) => addressIn(snapshot, other, one))) ?? own[0];
  const peers = others.flatMap((other) => {
    const name = other.metadata.name;
    const port = other.spec.stateSync?.port ?? defaultPort;
    const address = local && addressIn(snapshot, other, local);
    if (!other.spec.stateSync) warn('state-sync-one-sided', `${name} shares no state: give it spec.stateSync as well`);
    else if (port !== portOf(sync)) {
      warn('state-sync-port-differs', `no state is shared with ${name}: it uses port ${port}, not ${portOf(sync)}`);
    } else if (!address) {
      const subnet = local ? `${printAddress(local.address)}/${local.length}` : '';
      warn('state-sync-no-address', `no state is shared with ${name}: it has no address in the subnet of ${subnet}`);
    } else return [{ router: name, address }];
    return [];
  });
  if (!local || peers.length === 0) return undefined;
  return { interfaceName: sync.interface, local: local.address, peers, port: portOf(sync) };
}

function portOf(sync: StateSync): number {
  return sync.port ?? defaultPort;
}

function attachmentsOver(snapshot: Snapshot, router: string, interfaceName: string): Resource<'Attachment'>[] {
  return snapshot
    .list('Attachment')
    .filter(
      (attachment) =>
        attachment.spec.router === router && linkPaths(attachment).some((path) => path.interfaceName === interfaceName),
    );
}

/** IPv4 first, lowest first; link-local addresses mean nothing to conntrackd without their interface. */
function addressesOn(snapshot: Snapshot, router: string, interfaceName: string): InterfaceAddress[] {
  return linkInterfaces(snapshot, router)
    .filter(({ name }) => name === interfaceName)
    .flatMap(({ addresses }) => addresses)
    .filter(({ address }) => !isLinkLocal(address))
    .toSorted((a, b) => compareAddresses(a.address, b.address));
}

/** fe80::/10. */
function isLinkLocal({ family, bits }: Address): boolean {
  return family === 6 && bits >> 118n === 0x3fan;
}

function addressIn(snapshot: Snapshot, other: Resource<'Router'>, local: InterfaceAddress): Address | undefined {
  const { stateSync } = other.spec;
  if (!stateSync) return undefined;
  const subnet = maskAddress(local.address, local.length);
  return addressesOn(snapshot, other.metadata.name, stateSync.interface)
    .map(({ address }) => address)
    .find((address) => containsAddress(subnet, address) && !equalAddresses(address, local.address));
}
