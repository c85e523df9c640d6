/**
 * How large a tunnel's packets may be over what really carries it.
 *
 *   TunnelIntent, MTU of its underlay's device ─[fitTunnel]→ TunnelIntent → driver
 *
 * The intent counts with what is written of the Attachment below, and where nothing is with Ethernet's 1500: its device may have
 * less, as its parent has, or as ESP in user space carries.
 * Invariant: pure; never larger than the intent says, and never less than IPv6 asks of every link: then outer packets are fragments.
 */
import { largestInside } from '../intent/links/resolve-tunnel.ts';
import type { TunnelIntent } from './underlay-routes.ts';

/** RFC 8200 §5. */
const leastMtu = 1280;

/** `outerMtu`, in bytes, is undefined while nothing carries it. */
export function fitTunnel<L extends TunnelIntent>(tunnel: L, outerMtu: number | undefined): L {
  if (tunnel.mtu === undefined || outerMtu === undefined) return tunnel;
  const most = Math.max(leastMtu, largestInside(tunnel, outerMtu));
  return most < tunnel.mtu ? { ...tunnel, mtu: most } : tunnel;
}
