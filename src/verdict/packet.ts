/**
 * A packet as policy sees it: what `explain packet` asks about, and what the property tests generate.
 *
 * Invariant: source and destination are of one family; ports exist exactly where the protocol has them.
 */
import type { Address } from '../net/address.ts';

export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number. */
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
  readonly ctState: CtState;
  /** Where it was sent to, when NAT has changed that: what is asked before routing sees this. */
  readonly beforeNat?: { readonly destination: Address; readonly destinationPort?: number };
}

/** As conntrack's. A related packet (an ICMP error about a flow, say) is let through wherever an established one is. */
export type CtState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** Which way through the router: in and up, out of it, or through it. */
export type Passage =
  | { readonly kind: 'local-in'; readonly inbound: string }
  | { readonly kind: 'local-out'; readonly outbound: string }
  | { readonly kind: 'forward'; readonly inbound: string; readonly outbound: string };
