/**
 * The driver of VLANs: the kernel's 802.1Q, or the tagger where the kernel has none.
 *
 *   VlanLinkIntent[] ─[ensure]→ sub-interface with MTU and addresses ─[read]→ LinkReport[]
 *
 * Invariant: a tag that somebody else uses on the parent is left to them. The parent is never changed, but for the filter that
 * takes our tags off, and the groups whose frames it is to take in. Without a parent that carries, the sub-interface does not either.
 */
import type { VlanLinkIntent } from '../../intent/links/links-intent.ts';
import type { LinkDriver } from '../../links/link-driver.ts';
import { type LinkReport, reportLeft } from '../../links/link-report.ts';
import { err, ok, type Result } from '../../result.ts';
import { openLineChild } from '../line-child.ts';
import { oneAtATime } from '../one-at-a-time.ts';
import { aliasOf, attachmentOf, createNetDevices, isOfRouter, type NetDevice } from './netdevices.ts';
import {
  attachFilters,
  makePair,
  parseTrunk,
  redirectsTo,
  removePair,
  type Trunk,
  taggerFilters,
  trunkName,
} from './tagger.ts';
import { createTrafficControl, type EntranceFilter } from './traffic-control.ts';
import { createParentGroups } from './vlan-groups.ts';
import { partsOf, reportOf } from './vlan-report.ts';
import { isUnmarkedPair, refuseTag } from './vlan-tags.ts';

export interface VlanDriverOptions {
  readonly router: string;
  /** For files that exist for a moment. */
  readonly dir: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher?: readonly string[];
}

interface Seen {
  readonly devices: ReadonlyMap<string, NetDevice>;
  readonly filters: ReadonlyMap<string, readonly EntranceFilter[]>;
}

export function createVlanDriver({ router, dir, launcher = [] }: VlanDriverOptions): LinkDriver<VlanLinkIntent> {
  const devices = createNetDevices({ launcher });
  const control = createTrafficControl(dir, launcher);
  const groups = createParentGroups(devices);
  let kept: readonly VlanLinkIntent[] = [];
  /** Of the parents of `kept`, by which one that was renamed is known. */
  let parentIndexes: ReadonlySet<number> = new Set();

  /** One thing after the other: a carrier must not be switched in the middle of a change. */
  const inTurn = oneAtATime();

  async function readDevices(): Promise<ReadonlyMap<string, NetDevice>> {
    const read = await devices.read();
    if (!read.ok) throw new Error(read.error.message);
    return new Map(read.value.map((device) => [device.name, device]));
  }

  async function look(links: readonly VlanLinkIntent[]): Promise<Seen> {
    const there = await readDevices();
    const entrances = new Set(links.flatMap(({ interfaceName, parent }) => [parent, trunkName(interfaceName)]));
    const filters = await control.read([...entrances].filter((name) => there.has(name)));
    if (!filters.ok) throw new Error(filters.error);
    return { devices: there, filters: filters.value };
  }

  /**
   * Takes away ours that nobody wants, or not as they are; gives whether there were any, and those that cannot be. `isWhole: false`
   * leaves those that are in nobody's way.
   */
  async function sweep(
    links: readonly VlanLinkIntent[],
    there: ReadonlyMap<string, NetDevice>,
    isWhole: boolean,
  ): Promise<{ readonly isChanged: boolean; readonly left: readonly LinkReport[] }> {
    let isChanged = false;
    const left: LinkReport[] = [];
    for (const device of there.values()) {
      const trunk = parseTrunk(device);
      const isWanted = links.some((link) => (trunk ? isTrunkOf(trunk, link) : isKernelVlanOf(device, link)));
      if (isWanted || !isOfRouter(router, device) || !(trunk || device.kind === 'vlan')) continue;
      const interfaceName = (trunk ? device.below : undefined) ?? device.name;
      if (!isWhole && !links.some((link) => link.interfaceName === interfaceName)) continue;
      isChanged = true;
      const removed = trunk
        ? await removePair(devices, control, trunk, there.keys())
        : await devices.remove(device.name);
      if (removed.ok) continue;
      const attachment = attachmentOf(device) ?? '-';
      left.push(reportLeft({ attachment, interfaceName, kind: 'vlan' }, messageOf(removed.error)));
    }
    return { isChanged, left };
  }

  /** Somebody deleted the pair under a filter: it takes frames that nobody gets. */
  async function sweepFilters(parents: ReadonlySet<string>, there: ReadonlyMap<string, NetDevice>): Promise<void> {
    const seen = await control.read([...parents].filter((name) => there.has(name)));
    if (!seen.ok) throw new Error(seen.error);
    const indexes = new Set([...there.values()].map(({ index }) => index));
    for (const [parent, filters] of seen.value) {
      for (const filter of filters) {
        const index = redirectsTo(filter);
        if (index === undefined || indexes.has(index)) continue;
        const detached = await control.detach(parent, filter.preference);
        if (!detached.ok) throw new Error(`a filter of ${parent} cannot be taken away: ${detached.error}`);
      }
    }
  }

  async function make(link: VlanLinkIntent): Promise<Result<void, string>> {
    const { parent, interfaceName, id } = link;
    const made = await devices.change([`link add link ${parent} name ${interfaceName} type vlan id ${id}`]);
    if (made.ok) return ok(undefined);
    if (!made.error.message.includes('Unknown device type')) return err(made.error.message);
    return makePair(devices, router, link);
  }

  /** Everything but what is already as it must be. */
  async function bring(link: VlanLinkIntent, { devices: there, filters }: Seen): Promise<Result<void, string>> {
    const [parent, device, trunk] = partsOf(link, there);
    if (!parent || !device) return err('its device was gone again at once');
    const wish = {
      alias: aliasOf(router, link.attachment),
      mtu: link.mtu ?? parent.mtu,
      addresses: link.addresses,
      // A kernel VLAN follows its parent by itself, and cannot be up without it.
      isUp: trunk || parent.isUp ? true : undefined,
    };
    if (trunk) {
      const changes = trunk.mtu === wish.mtu ? [] : [`link set dev ${trunk.name} mtu ${wish.mtu}`];
      if (device.mac !== parent.mac && parent.mac !== undefined) {
        changes.push(`link set dev ${device.name} address ${parent.mac}`);
      }
      const changed = await devices.change(changes);
      if (!changed.ok) return err(changed.error.message);
      const attached = await attachFilters(control, taggerFilters(link, parent, trunk), filters);
      if (!attached.ok) return attached;
    }
    const configured = await devices.configure(device.name, wish, device);
    if (!configured.ok) return err(configured.error.message);
    return trunk ? carry(trunk, parent) : ok(undefined);
  }

  /** The sub-interface carries as its parent does. */
  async function carry(trunk: NetDevice, parent: NetDevice | undefined): Promise<Result<void, string>> {
    const carries = parent?.hasCarrier === true;
    if (trunk.isUp === carries) return ok(undefined);
    const set = await devices.setUp(trunk.name, carries);
    return set.ok ? ok(undefined) : err(set.error.message);
  }

  async function bringSafely(link: VlanLinkIntent, seen: Seen): Promise<Result<void, string>> {
    try {
      return await bring(link, seen);
    } catch (error) {
      // A disk that is full, a folder that is gone: of this link alone.
      return err((error as Error).message);
    }
  }

  async function ensure(links: readonly VlanLinkIntent[], sweeps: boolean): Promise<readonly LinkReport[]> {
    const parents = new Set([...kept, ...links].map(({ parent }) => parent));
    kept = links;
    const before = await readDevices();
    const { isChanged, left } = await sweep(links, before, sweeps);
    const there = isChanged ? await readDevices() : before;
    await sweepFilters(parents, there);
    // One that is in the way of another with its name is the other's failure.
    const refused = new Map(left.map(({ interfaceName, reason }) => [interfaceName, reason ?? '']));
    let isMade = false;
    for (const link of links) {
      if (refused.has(link.interfaceName)) continue;
      const reason = refuseTag(router, link, there);
      if (reason !== undefined) refused.set(link.interfaceName, reason);
      const isUnmarked = isUnmarkedPair(link, there);
      const isThere = there.has(link.interfaceName) && !isUnmarked;
      if (reason !== undefined || !there.has(link.parent) || isThere) continue;
      if (isUnmarked) await devices.remove(link.interfaceName);
      const made = await make(link);
      if (made.ok) isMade = true;
      else refused.set(link.interfaceName, `it cannot be made: ${made.error}`);
    }
    const seen = isMade || links.length > 0 ? await look(links) : { devices: there, filters: new Map() };
    for (const link of links) {
      if (refused.has(link.interfaceName)) continue;
      const trunk = seen.devices.get(trunkName(link.interfaceName));
      const brought = seen.devices.has(link.parent)
        ? await bringSafely(link, seen)
        : trunk
          ? await carry(trunk, undefined)
          : ok(undefined);
      if (!brought.ok) refused.set(link.interfaceName, brought.error);
    }
    const after = links.length > 0 || there !== before ? await readDevices() : there;
    await groups.tell(before, after);
    keepIndexes(after);
    const names = new Set(links.map(({ interfaceName }) => interfaceName));
    return [
      ...links.map((link) => reportOf(link, after, refused.get(link.interfaceName))),
      ...left.filter(({ interfaceName }) => !names.has(interfaceName)),
    ];
  }

  function keepIndexes(there: ReadonlyMap<string, NetDevice>): void {
    parentIndexes = new Set(kept.flatMap(({ parent }) => there.get(parent)?.index ?? []));
  }

  /** Carriers alone, as fast as can be. */
  async function follow(): Promise<void> {
    const there = await readDevices();
    keepIndexes(there);
    const lost = kept.flatMap(({ parent, interfaceName }) => {
      const device = there.get(trunkName(interfaceName));
      const trunk = device && parseTrunk(device);
      // A parent that came back has no filters yet: what was lost with it is for a whole turn.
      const isLost = device?.isUp && trunk?.router === router && there.get(parent)?.hasCarrier !== true;
      return isLost ? [device.name] : [];
    });
    const done = await devices.change(lost.map((name) => `link set dev ${name} down`));
    // One that is gone by now must not hold up those behind it.
    if (!done.ok) for (const name of lost) await devices.setUp(name, false);
  }

  const open = new Set<{ close(): void }>();

  return {
    ensure: (links, _secrets, sweeps = true) => inTurn(() => ensure(links, sweeps)),
    watch(onChange) {
      const [program = '', ...before] = [...launcher, 'ip'];
      let isRung = false;
      // A parent of many VLANs that loses its carrier rings for each of them.
      const ring = (): void => {
        if (isRung) return;
        isRung = true;
        inTurn(() => {
          isRung = false;
          return follow();
        }).then(onChange, onChange);
      };
      const isOfInterest = (index: number, name: string): boolean =>
        parentIndexes.has(index) ||
        kept.some(
          ({ parent, interfaceName }) => name === parent || name === interfaceName || name === trunkName(interfaceName),
        );
      const child = openLineChild(
        program,
        [...before, '-o', 'monitor', 'link'],
        (line) => {
          const [, index, name] = /^(?:Deleted )?(\d+): ([^@:]+)/.exec(line) ?? [];
          if (name !== undefined && isOfInterest(Number(index), name)) ring();
        },
        ring,
      );
      const watching = {
        close() {
          open.delete(watching);
          child.close();
        },
      };
      open.add(watching);
      return watching;
    },
    leave() {
      for (const watching of open) watching.close();
    },
  };
}

function isTrunkOf({ device, parent, id }: Trunk, link: VlanLinkIntent): boolean {
  return device.name === trunkName(link.interfaceName) && parent === link.parent && id === link.id;
}

function isKernelVlanOf(device: NetDevice, { interfaceName, parent, id }: VlanLinkIntent): boolean {
  return device.name === interfaceName && device.below === parent && device.vlanId === id;
}

function messageOf(error: string | { readonly message: string }): string {
  return typeof error === 'string' ? error : error.message;
}
