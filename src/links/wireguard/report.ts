/**
 * What is said of a WireGuard tunnel.
 *
 *   WireguardLinkIntent, WireguardSight ─[reportWireguard]→ LinkReport
 *
 * Invariant: of keys only public ones.
 */
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import type { LinkReport } from '../link-report.ts';
import { writtenEndpoint } from './config.ts';
import { type Liveness, silenceLimit } from './liveness.ts';
import type { WireguardPeer } from './read.ts';

export interface WireguardSight {
  readonly driver: 'kernel-wireguard' | 'wireguard-go';
  readonly publicKey: string;
  readonly peer: WireguardPeer;
  readonly liveness: Liveness;
  /** Why what carries it does not; undefined where it does, or none is named. */
  readonly notCarried: string | undefined;
  /** Bytes; null where the device was not read. */
  readonly mtu: number | null;
}

export function reportWireguard(link: WireguardLinkIntent, sight: WireguardSight): LinkReport {
  const { driver, publicKey, peer, liveness, notCarried, mtu } = sight;
  const isUp = liveness.isUp && notCarried === undefined;
  const { latestHandshake, received, sent } = peer;
  return {
    ...subject(link),
    driver,
    state: isUp ? 'up' : 'down',
    reason: isUp ? null : downReason(link, sight),
    mtu,
    wireguard: {
      publicKey,
      listenPort: link.listenPort,
      endpoint: peer.endpoint ?? null,
      latestHandshake: latestHandshake > 0 ? new Date(latestHandshake * 1000).toISOString() : null,
      received,
      sent,
    },
  };
}

/** `publicKey` is null where not even the key could be made. */
export function reportFailed(link: WireguardLinkIntent, reason: string, publicKey: string | null): LinkReport {
  const none = { endpoint: null, latestHandshake: null, received: 0, sent: 0 };
  const wireguard = { publicKey, listenPort: link.listenPort, ...none };
  return { ...subject(link), driver: null, state: 'failed', reason, mtu: null, wireguard };
}

function subject({ attachment, interfaceName, kind }: WireguardLinkIntent) {
  return { attachment, interfaceName, kind };
}

/** WireGuard answers nothing to a wrong key, so keys and addresses cannot be told apart from here. */
function downReason(link: WireguardLinkIntent, { publicKey, peer, notCarried }: WireguardSight): string {
  if (notCarried !== undefined) return notCarried;
  if (peer.latestHandshake > 0) return `the peer went silent: no answer for ${silenceLimit} s and no handshake since`;
  const endpoint = peer.endpoint ?? writtenEndpoint(link);
  const place = endpoint === undefined ? `UDP port ${link.listenPort} here` : `UDP at ${endpoint}`;
  const keys = `that the peer has public key ${link.peer.publicKey} and knows ours, ${publicKey}`;
  const preshared = link.peer.presharedKey ? ', and the same preshared key' : '';
  const who = endpoint === undefined ? 'the peer, which has no endpoint here, has not come yet' : 'no handshake yet';
  return `${who}: check that packets pass to ${place}, and ${keys}${preshared}`;
}
