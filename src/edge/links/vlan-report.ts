/**
 * What is said of a VLAN.
 *
 *   VlanLinkIntent, NetDevice[] ─[reportOf]→ LinkReport
 *
 * Invariant: reads nothing; a VLAN is up only where its parent and its device carry.
 */
import type { VlanLinkIntent } from '../../intent/links/links-intent.ts';
import type { LinkReport } from '../../links/link-report.ts';
import type { NetDevice } from './netdevices.ts';
import { trunkName } from './tagger.ts';

type Driver = 'kernel-8021q' | 'tc-bpf-tagger';

/** `trunk` is the end of the pair that the tagger works at. */
export function partsOf(
  { parent, interfaceName }: VlanLinkIntent,
  there: ReadonlyMap<string, NetDevice>,
): readonly [parent: NetDevice | undefined, device: NetDevice | undefined, trunk: NetDevice | undefined] {
  const device = there.get(interfaceName);
  return [there.get(parent), device, device?.kind === 'veth' ? there.get(trunkName(interfaceName)) : undefined];
}

/** `refusal`: why it could not be set up. */
export function reportOf(
  link: VlanLinkIntent,
  there: ReadonlyMap<string, NetDevice>,
  refusal: string | undefined,
): LinkReport {
  const [parent, device, trunk] = partsOf(link, there);
  const driver: Driver | null = device?.kind === 'vlan' ? 'kernel-8021q' : trunk ? 'tc-bpf-tagger' : null;
  const base = { attachment: link.attachment, interfaceName: link.interfaceName, kind: 'vlan', driver } as const;
  const state = (state: LinkReport['state'], reason: string | null): LinkReport => ({
    ...base,
    state,
    reason,
    mtu: device?.mtu ?? null,
  });
  if (refusal !== undefined) return state('failed', refusal);
  if (!parent) return state('down', `its parent ${link.parent} is not there`);
  if (!parent.isUp) return state('down', `its parent ${link.parent} is switched off: ip link set ${link.parent} up`);
  if (!parent.hasCarrier) return state('down', `its parent ${link.parent} has no carrier`);
  if (!device?.hasCarrier) return state('down', 'its device does not carry yet');
  return state('up', null);
}
