/**
 * A router of another make, as the scenarios see it: they say what it speaks and announces, and ask what it heard.
 *
 *   PeerConfig → [peers/frr, gobgp, exabgp, openbgpd, bird] → the program's own configuration → a BGP speaker in a namespace
 *
 * Invariant: no field of a PeerConfig is dropped in silence. What a program cannot do is a gap with a reason (features.ts).
 */
import type { Family } from '../../../src/net/address.ts';
import type { Place } from './star.ts';

export const peerNames = ['frr', 'gobgp', 'exabgp', 'openbgpd', 'bird'] as const;
export type PeerName = (typeof peerNames)[number];

export interface PeerConfig {
  readonly asNumber: number;
  readonly hubAs: number;
  /** One for each family of its addresses, at most. */
  readonly sessions: readonly PeerSession[];
  readonly routes: readonly AnnouncedRoute[];
}

export interface PeerSession {
  /** Of the addresses it runs between. */
  readonly family: Family;
  /** Both: IPv4 with IPv6 next hops too (RFC 8950). */
  readonly carries: 'own' | 'both';
  readonly password?: string;
  readonly passive?: boolean;
  /** Seconds; 90 unless said. */
  readonly holdTime?: number;
  /** GTSM (RFC 5082): the hub's packets come with a TTL of 255. */
  readonly ttlSecurity?: boolean;
  /** The peer's own role (RFC 9234). */
  readonly role?: 'provider' | 'customer';
  /** RFC 4724, with forwarding kept. */
  readonly gracefulRestart?: boolean;
  /** RFC 5880, 300 ms × 3. */
  readonly bfd?: boolean;
}

export interface AnnouncedRoute {
  readonly prefix: string;
  /** `aa:nn`. */
  readonly communities?: readonly string[];
  /** `aa:nn:mm`. */
  readonly largeCommunities?: readonly string[];
  readonly med?: number;
  /** How many times more than once the peer's own AS stands in the path. */
  readonly prepend?: number;
}

export interface HeardRoute {
  readonly path: readonly number[];
  readonly med: number | undefined;
  /** Sorted; `aa:nn`, well-known ones too. */
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly nextHop: string;
}

export interface InteropPeer {
  /** Resolves when it has been told all that it shall announce; sessions may take longer. */
  start(config: PeerConfig): Promise<void>;
  established(family: Family): Promise<boolean>;
  /** What the hub announced for a prefix: as it arrived, undefined while there is nothing. */
  received(prefix: string): Promise<HeardRoute | undefined>;
  /** Without a word to the hub, as in a crash. */
  kill(): Promise<void>;
  /** After `kill`: as a speaker that kept forwarding (RFC 4724 §4.1). */
  restart(): Promise<void>;
  stop(): Promise<void>;
  /** For a failed test: what the program wrote. */
  log(): string;
}

export type MakePeer = (place: Place) => InteropPeer;

export const familyOf = (prefix: string): Family => (prefix.includes(':') ? 6 : 4);
