/**
 * Whether a WireGuard tunnel passes packets, from what its device counts.
 *
 *   WireguardPeer, before ─[firstSight, followPeer]→ Liveness → inside addresses, report
 *
 * WireGuard has no state "up". What its protocol promises (whitepaper §6) is that a peer that is there answers: data with data
 * or a keepalive within 10 s; where nothing came, we begin a handshake after 15 s and again every 5 s, and that is answered at
 * once. So 25 s without a byte after something that asks for an answer means two lost handshakes: the peer is gone. Where the
 * last packet and its answer fall into one reading, the first handshake is what asks: 40 s at most. An idle tunnel asks for
 * nothing until its keys are renewed, after 120 s to 205 s.
 * Invariant: pure; a peer is up only after a handshake newer than its loss.
 */
import type { WireguardPeer } from './read.ts';

export interface Liveness {
  readonly isUp: boolean;
  readonly received: number;
  readonly sent: number;
  /** When something was first sent that asks for an answer, with nothing heard since: in seconds, as `followPeer`'s `now`. */
  readonly askedAt: number | undefined;
  /** The handshake that no longer counts; 0 for none. */
  readonly lostHandshake: number;
}

type Counters = Pick<WireguardPeer, 'latestHandshake' | 'received' | 'sent' | 'keepalive'>;

/** How long a peer may be silent after something that asks for an answer, in seconds. */
export const silenceLimit = 25;
/** Keys are refused at this age (REJECT_AFTER_TIME), in seconds: the next keepalive then begins a handshake. */
const keyLimit = 180;
/**
 * Bytes that may go out between two readings without asking for an answer: a keepalive has 32, and two may fall into one
 * reading. A packet with a TCP header inside has 80 and more, a handshake's first message 148.
 */
const keepaliveBytes = 64;

/** Of a device that we see for the first time. `now` is unix time in seconds. */
export function firstSight(peer: Counters, now: number): Liveness {
  const { received, sent, latestHandshake, keepalive } = peer;
  // Without keepalives an idle tunnel lets its keys grow old and is well.
  const isOld = keepalive > 0 && now - latestHandshake > keyLimit + keepalive + silenceLimit;
  const isUp = latestHandshake > 0 && !isOld;
  return { isUp, received, sent, askedAt: undefined, lostHandshake: isUp ? 0 : latestHandshake };
}

/** `now` is the time of a clock that nobody sets, in seconds: a clock put forward must not take every tunnel down. */
export function followPeer(before: Liveness, peer: Counters, now: number): Liveness {
  const { received, sent, latestHandshake } = peer;
  const isSameDevice = received >= before.received && sent >= before.sent;
  const isHeard = !isSameDevice || received > before.received;
  const isAsking = isSameDevice && sent - before.sent > keepaliveBytes;
  const askedAt = isHeard ? undefined : (before.askedAt ?? (isAsking ? now : undefined));
  const isSilent = askedAt !== undefined && now - askedAt >= silenceLimit;
  const isUp = latestHandshake > 0 && latestHandshake !== before.lostHandshake && !isSilent;
  const lostHandshake = before.isUp && !isUp ? latestHandshake : before.lostHandshake;
  return { isUp, received, sent, askedAt, lostHandshake };
}
