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

/**
 * Made by us and not marked yet when we were killed: nobody uses it. A pair says that it is ours by the mark of its other end, or,
 * before that, by the name of it.
 */
function isUnfinished(
  router: string,
  link: VlanLinkIntent,
  device: NetDevice,
  there: ReadonlyMap<string, NetDevice>,
): boolean {
  const { parent, id } = link;
  if (device.alias !== undefined) return false;
  if (device.kind === 'vlan') {
    return device.below === parent && device.vlanId === id && !device.isUp && device.addresses.length === 0;
  }
  const trunk = there.get(trunkName(link.interfaceName));
  const made = trunk && parseTrunk(trunk);
  const isOurs = made?.router === router && made.parent === parent && made.id === id;
  return isUnmarkedPair(link, there) || (isPairEnd(link, device) && isOurs);
}

/** A pair of ours of which neither end is marked: what else belongs to it may be missing. */
export function isUnmarkedPair(
  link: Pick<VlanLinkIntent, 'interfaceName'>,
  there: ReadonlyMap<string, NetDevice>,
): boolean {
  const [device, trunk] = [there.get(link.interfaceName), there.get(trunkName(link.interfaceName))];
  if (!device || !trunk) return false;
  return isPairEnd(link, device) && [device, trunk].every(({ alias, isUp }) => alias === undefined && !isUp);
}

function isPairEnd({ interfaceName }: Pick<VlanLinkIntent, 'interfaceName'>, device: NetDevice): boolean {
  return device.kind === 'veth' && device.below === trunkName(interfaceName);
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
