/**
 * How large TCP's segments may be through each link.
 *
 *   LinkIntent[], InterfaceFacts ─[resolveMssClamps]→ MssClamp[] → nftables/
 *
 * Invariant: sorted by interface; never more than fits into what the device really has, where that is known.
 */
import type { LinkIntent } from '../links/links-intent.ts';
import type { InterfaceFacts, MssClamp } from './policy-intent.ts';

/** IPv4 (RFC 791) or IPv6 (RFC 8200), and TCP (RFC 9293), without options. */
const headerBytes = { ipv4: 40, ipv6: 60 } as const;

export function resolveMssClamps(links: readonly LinkIntent[], interfaces: readonly InterfaceFacts[]): MssClamp[] {
  const clamped = links.filter(({ mssClamp }) => mssClamp !== undefined);
  if (clamped.length === 0) return [];
  const mtus = new Map(interfaces.map(({ name, mtu }) => [name, mtu]));
  return clamped
    .flatMap(({ interfaceName, mssClamp }) => {
      const mtu = mtus.get(interfaceName) ?? Number.POSITIVE_INFINITY;
      return mssClamp ? [{ interfaceName, ...fitting(mssClamp, mtu) }] : [];
    })
    .sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
}

function fitting({ ipv4, ipv6 }: NonNullable<LinkIntent['mssClamp']>, mtu: number): Pick<MssClamp, 'ipv4' | 'ipv6'> {
  return { ipv4: Math.min(ipv4, mtu - headerBytes.ipv4), ipv6: Math.min(ipv6, mtu - headerBytes.ipv6) };
}
