/**
 * What was seen of one link: read back from kernel and daemons, never assumed from a successful write. JSON-safe, since
 * status is stored.
 *
 *   kernel, charon, WireGuard ─[read]→ LinkReport → status, doctor
 */
import type { LinkKind } from '../intent/links/links-intent.ts';

export interface LinkReport {
  readonly attachment: string;
  readonly interfaceName: string;
  readonly kind: LinkKind;
  /** What carries its packets: a driver of the kernel, or the stand-in that is used where the kernel has none. */
  readonly driver: LinkDriverName | null;
  /** `up`: packets pass. `down`: set up, and waiting for the other end. `failed`: it could not be set up. */
  readonly state: 'up' | 'down' | 'failed';
  /** Why it is not up, and what to do; null when up. Never holds a secret. */
  readonly reason: string | null;
  /** Of the device as the kernel has it, in bytes; null where it is not there. */
  readonly mtu: number | null;
  readonly ipsec?: IpsecReport;
  readonly wireguard?: WireguardReport;
}

/** Of a link that is wanted no more and could not be taken away. */
export function reportLeft(link: Pick<LinkReport, 'attachment' | 'interfaceName' | 'kind'>, why: string): LinkReport {
  return { ...link, driver: null, state: 'failed', reason: `it cannot be taken away: ${why}`, mtu: null };
}

export type LinkDriverName =
  /** A device that somebody else made. */
  'device' | 'kernel-8021q' | 'tc-bpf-tagger' | 'kernel-xfrm' | 'userspace-esp' | 'kernel-wireguard' | 'wireguard-go';

export interface IpsecReport {
  /** Outside, `address:port`. */
  readonly local: string | null;
  readonly remote: string | null;
  /** As negotiated, in strongSwan's words; null without a security association. */
  readonly ikeProposal: string | null;
  readonly espProposal: string | null;
  /** Whether ESP goes in UDP (RFC 3948). */
  readonly isEncapsulated: boolean;
  /** Seconds. */
  readonly establishedFor: number | null;
  readonly rekeyIn: number | null;
  /** Bytes since the last rekeying. */
  readonly received: number | null;
  readonly sent: number | null;
  /** When the first of this router's certificate and its authority's ends, in RFC 3339; null with a pre-shared key. */
  readonly certificateUntil: string | null;
}

export interface WireguardReport {
  /** Base64; for the other end's configuration. Null before there is a key. */
  readonly publicKey: string | null;
  readonly listenPort: number;
  /** Where the peer was last heard, `address:port`. */
  readonly endpoint: string | null;
  /** RFC 3339; null before the first. */
  readonly latestHandshake: string | null;
  readonly received: number;
  readonly sent: number;
}
