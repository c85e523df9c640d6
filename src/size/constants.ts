/**
 * What one of each thing costs in memory, as it was measured; `npm run bench -- --only size --write` measures again.
 *
 *   bench/size → [constants] → predict
 *
 * Invariant: every figure below is of one machine and the versions it names; none is a guess.
 */

/** All figures are bytes. */
export interface SizeConstants {
  readonly measuredOn: {
    /** Day, UTC. */
    readonly date: string;
    readonly kernel: string;
    readonly bird: string;
    readonly nft: string;
    readonly conntrackd: string;
    readonly node: string;
    /** Per-CPU counters and caches of routes grow with it. */
    readonly cores: number;
  };
  /** Resident, at its highest since the start, with our configuration and all routes in the kernel. */
  readonly bird: {
    readonly base: number;
    readonly perSession: number;
    /** A route as one peer announced it, kept as received (`import table on`) and as accepted. */
    readonly perIpv4Path: number;
    readonly perIpv6Path: number;
    /** What a session needs besides, once it is told of routes at all. */
    readonly perToldSession: number;
    /** What BIRD remembers of a thousand routes that it told one peer. */
    readonly perThousandTold: number;
  };
  /** Slabs, vmalloc and per-CPU memory of the kernel. */
  readonly kernel: {
    readonly perIpv4Route: number;
    readonly perIpv6Route: number;
    /** A conntrack entry with its extensions. */
    readonly perFlow: number;
  };
  /** What nftables holds of our table in the kernel. */
  readonly sets: {
    /** A policy of ten rules, its chains and its place in maps. */
    readonly perPolicy: number;
    /** A labelled address, which is one element. */
    readonly perAddress: number;
  };
  /** Resident, at its highest since the start, which is higher than later: garbage of the start is in it. */
  readonly agent: {
    readonly base: number;
    /** A Site, its Attachment and its session. */
    readonly perSpoke: number;
    /** A route of the kernel, which it compares with BIRD's. */
    readonly perRoute: number;
    /** A policy of ten rules. */
    readonly perPolicy: number;
    readonly perAddress: number;
  };
  /** Resident, at its highest since the start. */
  readonly conntrackd: {
    readonly base: number;
    readonly perFlow: number;
  };
}

/** Written by the benchmark from here on. */
export const sizeConstants: SizeConstants = {
  measuredOn: {
    date: '2026-11-25',
    kernel: '6.18.44-fc-v669',
    bird: '2.0.12',
    nft: '1.0.6',
    conntrackd: '1.4.7',
    node: '20.20.2',
    cores: 2,
  },
  bird: {
    base: 4_976_209,
    perSession: 48_431,
    perIpv4Path: 177,
    perIpv6Path: 211,
    perToldSession: 80_590,
    perThousandTold: 1896,
  },
  kernel: {
    perIpv4Route: 147,
    perIpv6Route: 791,
    perFlow: 372,
  },
  sets: {
    perPolicy: 106_153,
    perAddress: 110,
  },
  agent: {
    base: 88_061_133,
    perSpoke: 71_410,
    perRoute: 1493,
    perPolicy: 157_432,
    perAddress: 2955,
  },
  conntrackd: {
    base: 5_509_120,
    perFlow: 528,
  },
};
