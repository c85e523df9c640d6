/**
 * What a WireGuard device is to be told, and whether it was.
 *
 *   WireguardLinkIntent, keys ─[printWireguard]→ text ─wg syncconf─▶ device ─[holdsWireguard]→ nothing to do
 *
 * Invariant: equal input gives equal bytes. The text holds keys: it goes to `wg` and nowhere else.
 */
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import { printAddress } from '../../net/address.ts';
import type { WireguardDevice } from './read.ts';

export interface WireguardKeys {
  /** Base64, as all. */
  readonly privateKey: string;
  readonly presharedKey: string | undefined;
}

/** What decides is who the routes send to the device: every address is allowed inside. */
const allowedIps = ['0.0.0.0/0', '::/0'];

/** In `wg`'s words for no preshared key: a peer that had one keeps it where nothing is said. */
const noPresharedKey = `${'A'.repeat(43)}=`;

export function isWireguardKey(text: string): boolean {
  // The last of 43 digits carries four bits of the key, so two of its own are zero.
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

export function printWireguard(
  link: WireguardLinkIntent,
  keys: WireguardKeys,
  options: { readonly fwmark: number; readonly endpoint: 'as-written' | 'as-heard' },
): string {
  const endpoint = options.endpoint === 'as-written' ? writtenEndpoint(link) : undefined;
  return [
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    `ListenPort = ${link.listenPort}`,
    `FwMark = ${options.fwmark}`,
    '[Peer]',
    `PublicKey = ${link.peer.publicKey}`,
    `PresharedKey = ${keys.presharedKey ?? noPresharedKey}`,
    `AllowedIPs = ${allowedIps.join(', ')}`,
    ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
    `PersistentKeepalive = ${link.peer.keepalive}`,
    '',
  ].join('\n');
}

/** `address:port`, as `wg` prints it; undefined where the peer comes to us. */
export function writtenEndpoint({ peer }: WireguardLinkIntent): string | undefined {
  if (!peer.endpoint) return undefined;
  const { address, port } = peer.endpoint;
  return address.family === 4 ? `${printAddress(address)}:${port}` : `[${printAddress(address)}]:${port}`;
}

/** All but the peer's endpoint, which moves, and the preshared key, which is not read. */
export function holdsWireguard(
  device: WireguardDevice,
  link: WireguardLinkIntent,
  own: { readonly publicKey: string; readonly fwmark: number },
): boolean {
  const [peer, ...others] = device.peers;
  return (
    device.publicKey === own.publicKey &&
    device.listenPort === link.listenPort &&
    device.fwmark === own.fwmark &&
    others.length === 0 &&
    peer !== undefined &&
    peer.publicKey === link.peer.publicKey &&
    peer.keepalive === link.peer.keepalive &&
    peer.allowedIps.toSorted().join() === allowedIps.join()
  );
}
