/**
 * The multicast groups in which neighbours of sub-interfaces look for them, for the parent to take in.
 *
 *   devices there are ─[groupsByParent]→ groups of each parent ─[tell]→ `ip maddress`
 *
 * Hardware drops frames to groups that it was not told of. The kernel's own VLANs tell their parent; a pair of devices is no VLAN
 * to the kernel, so that for the tagger we do. IPv4 asks by broadcast and needs none.
 * Invariant: a parent's groups are those of all pairs over it, whichever router made them; what it was told already is not said again.
 */
import type { Address } from '../../net/address.ts';
import type { NetDevice, NetDevices } from './netdevices.ts';
import { parseTrunk } from './tagger.ts';

/** Of all nodes, ff02::1, in the link layer's words (RFC 2464 §7). */
const allNodes = '33:33:00:00:00:01';

export interface ParentGroups {
  /** `before`: as devices were when links began to change, which names groups that a predecessor told of. */
  tell(before: ReadonlyMap<string, NetDevice>, there: ReadonlyMap<string, NetDevice>): Promise<void>;
}

export function createParentGroups(devices: Pick<NetDevices, 'change'>): ParentGroups {
  /** By the parent's index: one that was made anew knows nothing. */
  const told = new Map<number, ReadonlySet<string>>();
  return {
    async tell(before, there) {
      const [were, are] = [groupsByParent(before), groupsByParent(there)];
      for (const name of new Set([...were.keys(), ...are.keys()])) {
        const parent = there.get(name);
        if (!parent) continue;
        const [wanted, known] = [are.get(name) ?? new Set<string>(), told.get(parent.index) ?? new Set<string>()];
        const added = [...wanted].filter((group) => !known.has(group));
        const gone = new Set([...known, ...(were.get(name) ?? [])].filter((group) => !wanted.has(group)));
        // One by one: after the first, ip takes no more commands from a batch and says nothing. One that is gone is no matter.
        for (const group of gone) await devices.change([`maddress delete ${group} dev ${name}`]);
        let isTold = true;
        for (const group of added) isTold &&= (await devices.change([`maddress add ${group} dev ${name}`])).ok;
        if (isTold) told.set(parent.index, wanted);
      }
    },
  };
}

/** Parent's name → MAC addresses of groups. */
export function groupsByParent(there: ReadonlyMap<string, NetDevice>): ReadonlyMap<string, ReadonlySet<string>> {
  const groups = new Map<string, Set<string>>();
  for (const device of there.values()) {
    const trunk = parseTrunk(device);
    const subInterface = there.get(device.below ?? '');
    if (!trunk || !subInterface) continue;
    const ofParent = groups.get(trunk.parent) ?? new Set();
    groups.set(trunk.parent, ofParent);
    for (const group of groupsOf(subInterface)) ofParent.add(group);
  }
  return groups;
}

function groupsOf({ addresses, mac }: NetDevice): readonly string[] {
  const written = addresses.filter(({ address }) => address.family === 6).map(({ address }) => solicitedNode(address));
  // A link-local address ends as the MAC address does (RFC 4291 appendix A).
  const linkLocal = mac === undefined ? [] : [`33:33:ff:${mac.split(':').slice(3).join(':')}`];
  return [allNodes, ...linkLocal, ...written];
}

/** ff02::1:ffXX:XXXX of an address (RFC 4291 §2.7.1): its last 24 bits. */
function solicitedNode({ bits }: Address): string {
  const last = Number(bits & 0xff_ffffn)
    .toString(16)
    .padStart(6, '0');
  return `33:33:ff:${last.slice(0, 2)}:${last.slice(2, 4)}:${last.slice(4)}`;
}
