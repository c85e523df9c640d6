/**
 * The one allocator of packet-mark bits.
 *
 * Invariant: only these bits are ever read or written; all others belong to whoever else uses the mark. A bit has one
 * meaning through the packet's whole way, and the first chain of ours on each way clears what it will trust later.
 */
export const markBits = {
  /** Some rule allowed the packet; later hooks skip what that Allow covers (semantics §4.6). */
  accept: 0x01000000,
  /** The packet came through our forward hook: postrouting leaves it alone. */
  forwarded: 0x02000000,
  /** The Log rule being evaluated has logged the packet already; cleared before each such rule. */
  logged: 0x04000000,
  /** A rule asked by address passed the packet to the next tier; cleared before each list of rules that can. */
  passed: 0x08000000,
  /** The packet is the outer one of a tunnel: it goes by the underlay's own route table and never through a tunnel. */
  outer: 0x10000000,
} as const;

/** Every bit that may be ours, the ones not yet named included. */
export const markMask = 0xff000000;
