/**
 * Inside addresses of IPsec tunnels that say none: BGP speaks between them, and they are the next hops of static routes.
 *
 *   Attachment as written ─[withInsideAddresses]→ the same, with addresses at each tunnel that lacks them
 *
 * They are filled in before anything is checked or stored, so that validation, store, `get` and routers all see the same as if
 * somebody had written them. Invariant: what is written stays; nothing is filled in towards a cloud, which chooses itself.
 */
import { parseAddress } from '../net/address.ts';
import { type InsideEnds, insideEnds } from './inside-addresses.ts';
import type { IpsecTunnelSpec } from './link.ts';
import { isRecord } from './schema.ts';

/** Takes anything, and gives back what it does not understand as it is. */
export function withInsideAddresses(spec: unknown): unknown {
  if (!isRecord(spec) || !isAbsent(spec['addresses']) || !isAbsent(spec['profile'])) return spec;
  const link = spec['link'];
  const ipsec = isRecord(link) ? link['ipsec'] : undefined;
  if (!isRecord(link) || !isRecord(ipsec) || !Array.isArray(ipsec['tunnels'])) return spec;
  const tunnels = ipsec['tunnels'].map((tunnel: unknown) => withInside(tunnel, ipsec['localAddress']));
  return { ...spec, link: { ...link, ipsec: { ...ipsec, tunnels } } };
}

function withInside(tunnel: unknown, sharedLocal: unknown): unknown {
  if (!isRecord(tunnel) || !isAbsent(tunnel['addresses'])) return tunnel;
  const { localAddress, remoteAddress, localPort, remotePort } = tunnel;
  const ends = derive(localAddress || sharedLocal, remoteAddress, localPort, remotePort);
  return ends ? { ...tunnel, addresses: { local: [ends.local], remote: [ends.remote] } } : tunnel;
}

/** Whether a tunnel has the addresses that it would have been given. */
export function hasDerivedInside(tunnel: IpsecTunnelSpec, sharedLocal: string | undefined): boolean {
  const { localAddress = sharedLocal, remoteAddress, localPort, remotePort, addresses } = tunnel;
  const ends = derive(localAddress, remoteAddress, localPort, remotePort);
  const isOnly = (list: readonly string[] | undefined, one: string) => list?.length === 1 && list[0] === one;
  return ends !== undefined && isOnly(addresses?.local, ends.local) && isOnly(addresses?.remote, ends.remote);
}

function derive(local: unknown, remote: unknown, localPort: unknown, remotePort: unknown): InsideEnds | undefined {
  const [own, peer] = [addressOf(local), addressOf(remote)];
  if (!own || !peer || own.family !== peer.family) return undefined;
  return insideEnds({ address: own, port: portOf(localPort) }, { address: peer, port: portOf(remotePort) });
}

function addressOf(value: unknown) {
  return typeof value === 'string' ? parseAddress(value) : undefined;
}

function portOf(value: unknown): number | undefined {
  return typeof value === 'number' && value !== 0 ? value : undefined;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
