/**
 * A BIRD 2 configuration as a tree.
 *
 *   RoutingIntent ─[compile]→ BirdConfig ─[print]→ bird.conf
 *
 * Invariant: nothing in the tree is BIRD text but the user's own snippets. Symbols match `[A-Za-z_][A-Za-z0-9_]*`; every other word a user can choose
 * is a `quoted` or `comment` value, which only the printer turns into text.
 */
import type { Address, Family } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { BirdSnippet } from './snippets.ts';

export interface BirdConfig {
  /** Dotted quad. */
  readonly routerId: string;
  readonly log: { readonly to: 'stderr' } | { readonly to: 'file'; readonly path: string };
  readonly debug: 'off' | 'events' | 'all';
  /** The user's own text; the one thing in the tree that is BIRD's already. */
  readonly snippets: readonly BirdSnippet[];
  /** Long prefix sets, each written once; filters refer to them by name. */
  readonly sets: readonly PrefixSet[];
  readonly functions: readonly BirdFunction[];
  readonly filters: readonly BirdFilter[];
  /** Name of the bfd protocol; undefined where no session asks for it. */
  readonly bfd: string | undefined;
  readonly device: { readonly name: string; readonly scanSeconds: number };
  readonly direct: { readonly name: string; readonly ignored: readonly string[] };
  readonly kernels: readonly KernelProtocol[];
  /** Routes to somewhere, then those that stand for others: aggregates and default routes of our own. */
  readonly statics: readonly StaticProtocol[];
  readonly templates: readonly BgpTemplate[];
  readonly sessions: readonly BgpProtocol[];
}

export interface KernelProtocol {
  readonly name: string;
  readonly family: Family;
  readonly scanSeconds: number;
  /** The metric of our routes: what tells them from routes of others. */
  readonly metric: number;
  /** Number of the kernel's routing table. */
  readonly kernelTable: number;
  /** Paths of one route at most; undefined for one. */
  readonly mergePaths: number | undefined;
  /** Whether routes of others are read; they only help to resolve next hops. */
  readonly learn: boolean;
  readonly exportFilter: string;
}

export interface StaticProtocol {
  readonly name: string;
  readonly family: Family;
  /** BIRD's 200 where undefined, which is better than a route of BGP's. */
  readonly preference: number | undefined;
  readonly routes: readonly BirdStaticRoute[];
}

export interface BirdStaticRoute {
  readonly prefix: Prefix;
  readonly target:
    | { readonly kind: 'via'; readonly nextHops: readonly Address[] }
    | { readonly kind: 'blackhole' | 'unreachable' };
}

export interface BgpTemplate {
  readonly name: string;
  readonly connectDelay: number;
  readonly connectRetry: number;
  readonly errorWait: readonly [least: number, most: number];
}

export interface BgpProtocol {
  readonly name: string;
  readonly template: string;
  readonly comment: string;
  readonly description: string;
  /** Why the session must not run, for people; undefined when it may. */
  readonly heldDown: string | undefined;
  readonly local: { readonly address: Address | undefined; readonly port: number; readonly as: number };
  readonly neighbor: { readonly address: Address; readonly port: number; readonly as: number };
  readonly strictBind: boolean;
  readonly reach: 'direct' | 'any' | { readonly hops: number };
  readonly ttlSecurity: boolean;
  readonly passive: boolean;
  readonly password: string | undefined;
  /** Dotted quad. */
  readonly rrClusterId: string | undefined;
  /** Seconds. */
  readonly gracefulRestart: number | 'default' | 'off';
  readonly keepalive: number | undefined;
  readonly hold: number | undefined;
  readonly allowLocalAs: number;
  /** RFC 9234, in BIRD's words. */
  readonly role: { readonly local: BirdRole; readonly isRequired: boolean } | undefined;
  /** Milliseconds. */
  readonly bfd: { readonly minInterval: number; readonly multiplier: number } | undefined;
  /** At least one, sorted by family. */
  readonly channels: readonly BgpChannel[];
}

export type BirdRole = 'provider' | 'customer' | 'peer' | 'rs_server' | 'rs_client';

export interface BgpChannel {
  readonly family: Family;
  readonly importFilter: string;
  readonly exportFilter: string;
  readonly nextHop: 'default' | 'self' | 'keep';
  readonly addPaths: boolean;
  /** All that the peer sent is kept as it came, so that a filter that changes asks nothing of the peer. */
  readonly keepsReceived: boolean;
  /** IPv4 over IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean;
  readonly receiveLimit: ChannelLimit | undefined;
  readonly importLimit: ChannelLimit | undefined;
  readonly exportLimit: ChannelLimit | undefined;
}

export interface ChannelLimit {
  readonly prefixes: number;
  readonly action: 'warn' | 'block' | 'down';
}

/**
 * A function of one boolean argument, `is_ebgp`. It rejects the route itself; that it is accepted, it says by returning true,
 * so that its caller has the last word; false where nothing in it decides.
 */
export interface BirdFunction {
  readonly name: string;
  readonly comment: string;
  readonly body: readonly BirdStatement[];
}

export interface BirdFilter {
  readonly name: string;
  readonly comment: string;
  readonly body: readonly BirdStatement[];
}

export type BirdStatement =
  | { readonly kind: 'accept' }
  /** `because` is for people who ask; BIRD is not told. */
  | { readonly kind: 'reject'; readonly because?: string }
  /** Ends a function. */
  | { readonly kind: 'return'; readonly value: boolean }
  | { readonly kind: 'if'; readonly when: BirdCondition; readonly body: readonly BirdStatement[] }
  | { readonly kind: 'set'; readonly attribute: 'bgp_local_pref' | 'bgp_med'; readonly value: number }
  | { readonly kind: 'add-community'; readonly community: Community }
  | { readonly kind: 'delete-communities'; readonly pattern: LargePattern }
  | { readonly kind: 'prepend'; readonly as: number }
  /** Each `from` in the path goes, and `to` comes in front of it as often: the path stays as long as it was. */
  | { readonly kind: 'replace-as'; readonly from: number; readonly to: number };

export type BirdCondition =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'not'; readonly operand: BirdCondition }
  | { readonly kind: 'all' | 'any'; readonly operands: readonly BirdCondition[] }
  /** The route's prefix is in the set; an empty set holds nothing. */
  | { readonly kind: 'net-in'; readonly set: readonly PrefixPattern[] }
  /** The same, for a set of BirdConfig.sets. */
  | { readonly kind: 'net-in-named'; readonly name: string }
  | { readonly kind: 'is-ebgp' }
  /** What a function of ours, or of the user's (without argument), returns. */
  | { readonly kind: 'call'; readonly name: string; readonly isEbgp: boolean }
  | { readonly kind: 'call-hook'; readonly name: string }
  | { readonly kind: 'protocol'; readonly name: string }
  | { readonly kind: 'source'; readonly source: 'RTS_BGP' | 'RTS_STATIC' | 'RTS_INHERIT' }
  /** Leads nowhere: blackhole or unreachable. */
  | { readonly kind: 'discards' }
  | { readonly kind: 'interface'; readonly pattern: string }
  | { readonly kind: 'community'; readonly community: Community }
  | { readonly kind: 'large-community-in'; readonly pattern: LargePattern }
  | { readonly kind: 'path-longer-than'; readonly length: number }
  | { readonly kind: 'first-as'; readonly as: number }
  | { readonly kind: 'as-path-prefix'; readonly as: readonly number[] }
  | { readonly kind: 'local-pref'; readonly value: number }
  /** The metric that a route of the kernel's came with; none of others have one. */
  | { readonly kind: 'kernel-metric'; readonly value: number | 'any' };

/** `aa:nn` (RFC 1997) or `aa:nn:mm` (RFC 8092). */
export type Community = readonly [number, number] | readonly [number, number, number];

/** All large communities of one AS and function, or of a range of functions. */
export interface LargePattern {
  readonly as: number;
  readonly function: number | { readonly first: number; readonly last: number };
}

export interface PrefixSet {
  readonly name: string;
  readonly members: readonly PrefixPattern[];
}

/** The prefix and what is more specific, from `low` to `high` bits long; equal to its length for the prefix alone. */
export interface PrefixPattern {
  readonly prefix: Prefix;
  readonly low: number;
  readonly high: number;
}
