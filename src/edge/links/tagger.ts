/**
 * A VLAN where the kernel has no 802.1Q: a pair of devices, and two programs that give and take the tag.
 *
 *   parent ⇄ [tagger-programs] ⇄ trunk end ═ sub-interface
 *
 * The trunk end is nobody's: no addresses, no IPv6, no ARP, and every frame that comes out of it leaves by the parent. It is up
 * as long as the parent has a carrier, which is how the sub-interface has one.
 * Invariant: the kernel does all of it, so it outlives the agent. The trunk end's alias says what it was made for.
 */
import type { VlanLinkIntent } from '../../intent/links/links-intent.ts';
import { contentHash } from '../../net/content-hash.ts';
import { err, ok, type Result } from '../../result.ts';
import { withMissing } from './missing-capability.ts';
import { aliasOf, type NetDevice, type NetDevices } from './netdevices.ts';
import { tag, untag } from './tagger-programs.ts';
import type { EntranceFilter, FilterWish, TrafficControl } from './traffic-control.ts';

/** What a trunk end was made for. */
export interface Trunk {
  readonly device: NetDevice;
  readonly router: string;
  readonly attachment: string;
  readonly parent: string;
  readonly id: number;
}

type VlanLink = Pick<VlanLinkIntent, 'attachment' | 'interfaceName' | 'parent' | 'id'>;

/** Away from what people choose; tags are 12 bits, so that each has a place of its own. */
const firstPreference = 40_000;

export function preferenceOf(id: number): number {
  return firstPreference + id;
}

export function trunkName(interfaceName: string): string {
  return `cw-${contentHash(interfaceName).slice(0, 10)}`;
}

export function parseTrunk(device: NetDevice): Trunk | undefined {
  const match = /^causeway (\S+) (\S+) trunk (\S+) (\d+)$/.exec(device.alias ?? '');
  if (!match || device.kind !== 'veth') return undefined;
  const [, router = '', attachment = '', parent = '', id = ''] = match;
  return { device, router, attachment, parent, id: Number(id) };
}

/** Makes the pair, with the trunk end down; nothing passes yet. Marked last: a pair without the mark is unfinished. */
export async function makePair(devices: NetDevices, router: string, link: VlanLink): Promise<Result<void, string>> {
  const trunk = trunkName(link.interfaceName);
  const made = await devices.change([
    `link add name ${trunk} type veth peer name ${link.interfaceName}`,
    `link set dev ${trunk} arp off`,
  ]);
  if (!made.ok) return err(made.error.message);
  const hidden = await devices.setSysctls([[`ipv6/conf/${trunk}/disable_ipv6`, '1']]);
  if (!hidden.ok) return err(hidden.error.message);
  const mark = `${aliasOf(router, link.attachment)} trunk ${link.parent} ${link.id}`;
  const marked = await devices.change([`link set dev ${trunk} alias "${mark}"`]);
  return marked.ok ? ok(undefined) : err(marked.error.message);
}

/** The programs of one link, as they must stand while parent and trunk end have these indexes. */
export function taggerFilters({ parent, id }: VlanLink, below: NetDevice, trunk: NetDevice): readonly FilterWish[] {
  return [
    {
      device: trunk.name,
      preference: preferenceOf(id),
      protocol: 'all',
      name: `cw${id}_${below.index}`,
      program: tag(id, below.index),
    },
    {
      device: parent,
      preference: preferenceOf(id),
      protocol: '802.1Q',
      name: `cw${id}_${trunk.index}`,
      program: untag(id, trunk.index),
    },
  ];
}

/** Attaches those that are not there; what has the place of one and is not ours is left alone. */
export async function attachFilters(
  control: TrafficControl,
  wishes: readonly FilterWish[],
  seen: ReadonlyMap<string, readonly EntranceFilter[]>,
): Promise<Result<void, string>> {
  for (const wish of wishes) {
    const there = seen.get(wish.device)?.find(({ preference }) => preference === wish.preference);
    if (there?.program === wish.name) continue;
    if (there && redirectsTo(there) === undefined) {
      return err(`a tc filter that is not ours has preference ${wish.preference} at the entrance of ${wish.device}`);
    }
    const attached = await control.attach(wish);
    if (!attached.ok)
      return err(`tc does not take a filter on ${wish.device}: ${withMissing('CAP_BPF', attached.error)}`);
  }
  return ok(undefined);
}

/** Takes the pair away, and what belongs to it from its parent, which may be called otherwise by now. */
export async function removePair(
  devices: NetDevices,
  control: TrafficControl,
  trunk: Trunk,
  there: Iterable<string>,
): Promise<Result<void, string>> {
  const seen = await control.read([...there]);
  if (!seen.ok) return seen;
  const ours = `cw${trunk.id}_${trunk.device.index}`;
  for (const [name, filters] of seen.value) {
    const filter = filters.find(({ program }) => program === ours);
    const detached = filter ? await control.detach(name, filter.preference) : ok(undefined);
    if (!detached.ok) return detached;
  }
  const removed = await devices.remove(trunk.device.name);
  return removed.ok ? ok(undefined) : err(removed.error.message);
}

/** Index of the device where our program sends frames; undefined for filters that are not ours. */
export function redirectsTo({ program }: EntranceFilter): number | undefined {
  const index = /^cw\d{1,4}_(\d+)$/.exec(program ?? '')?.[1];
  return index === undefined ? undefined : Number(index);
}
