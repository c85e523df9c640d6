/**
 * Whether a VLAN may be made: its name and its tag are free, and its packets fit.
 *
 *   VlanLinkIntent, devices there are ─[refuseTag]→ the reason why not
 *
 * Invariant: pure; a device without our alias is somebody else's, whatever it is called.
 */
import type { VlanLinkIntent } from '../../intent/links/links-intent.ts';
import { isOfRouter, type NetDevice } from './netdevices.ts';
import { parseTrunk, trunkName } from './tagger.ts';

/** Undefined where nothing is against it. */
export function refuseTag(
  router: string,
  link: VlanLinkIntent,
  there: ReadonlyMap<string, NetDevice>,
): string | undefined {
  const { interfaceName, parent: parentName, id, mtu } = link;
  const device = there.get(interfaceName);
  if (device && !isOfRouter(router, device) && !isUnfinished(router, link, device, there)) {
    return `a device ${interfaceName} that is not this router's is there already`;
  }
  const holder = [...there.values()].find((other) => other.name !== interfaceName && usesTag(other, router, link));
  if (holder) return `tag ${id} is in use on ${parentName} already, by ${describeHolder(holder)}`;
  const parent = there.get(parentName);
  if (parent && mtu !== undefined && mtu > parent.mtu) {
    return `its MTU of ${mtu} does not fit its parent ${parentName}, which has ${parent.mtu}`;
  }
  return undefined;
}

/** Made by us and not marked yet when we were killed: a pair whose other end says that it is ours. */
function isUnfinished(
  router: string,
  { interfaceName, parent, id }: VlanLinkIntent,
  device: NetDevice,
  there: ReadonlyMap<string, NetDevice>,
): boolean {
  if (device.alias !== undefined) return false;
  if (device.kind !== 'veth' || device.below !== trunkName(interfaceName)) return false;
  const trunk = there.get(trunkName(interfaceName));
  const made = trunk && parseTrunk(trunk);
  return made?.router === router && made.parent === parent && made.id === id;
}

function usesTag(device: NetDevice, router: string, { interfaceName, parent, id }: VlanLinkIntent): boolean {
  if (device.vlanId === id && device.below === parent) return true;
  const trunk = parseTrunk(device);
  if (trunk?.parent !== parent || trunk.id !== id) return false;
  return trunk.router !== router || device.name !== trunkName(interfaceName);
}

function describeHolder(device: NetDevice): string {
  const trunk = parseTrunk(device);
  return trunk ? `router ${trunk.router} for ${trunk.attachment}` : `the device ${device.name}`;
}
