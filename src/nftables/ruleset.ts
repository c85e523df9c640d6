/**
 * The nftables ruleset of one router as a tree.
 *
 *   PolicyIntent ─[compile]→ Ruleset ─[print]→ nft text
 *                            Ruleset ─[diff]→ RulesetChange ─[netlink/encode]→ one transaction
 *
 * Invariant: everything is in one table of family inet. Names are derived from what an object stands for, never from
 * order of creation, and a name never stands for two declarations: whatever can change a chain's hook or a set's key is
 * part of its name. Every chain, set and map that is referred to is there.
 */
import type { Family } from '../net/address.ts';
import type { PortRange } from '../net/port-range.ts';
import type { Prefix } from '../net/prefix.ts';

/** The one table that is ours; nothing else in the kernel's ruleset is ever touched. */
export const tableName = 'causeway';

export interface Ruleset {
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly maps: ReadonlyMap<string, VerdictMap>;
  readonly classes: ReadonlyMap<string, ClassMap>;
  readonly chains: ReadonlyMap<string, Chain>;
}

export interface Chain {
  readonly name: string;
  /** Present on base chains. Type is always `filter`, policy always accept: our denials are explicit rules. */
  readonly base?: BaseChain;
  readonly rules: readonly Rule[];
}

export interface BaseChain {
  readonly hook: Hook;
  /** raw -300, mangle -150, filter 0. */
  readonly priority: -300 | -150 | 0;
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/**
 * All matches must hold; then the statements run in order; then the outcome. A rule without outcome goes on with the next
 * rule, and so does a lookup that finds nothing.
 */
export interface Rule {
  readonly matches: readonly Match[];
  readonly statements: readonly Statement[];
  readonly outcome?: Outcome;
  /** `Kind/name ingress[3]`, or words for a built-in rule. Only `commentText` makes one. */
  readonly comment?: string;
}

/** With `negated`, the packet must be in none of the listed values; a packet without the field matches neither way. */
export type Match =
  | { readonly kind: 'family'; readonly family: Family }
  | AddressMatch
  | { readonly kind: 'protocol'; readonly negated: boolean; readonly protocols: readonly number[] }
  /** Always beside a match that pins the protocol to ones that have ports. */
  | { readonly kind: 'port'; readonly side: Side; readonly negated: boolean; readonly ranges: readonly PortRange[] }
  /** Type or code of ICMP (family 4, protocol 1) or ICMPv6 (family 6, protocol 58), which it also demands; both ends included. */
  | {
      readonly kind: 'icmp';
      readonly family: Family;
      readonly field: 'type' | 'code';
      readonly negated: boolean;
      readonly first: number;
      readonly last: number;
    }
  | {
      readonly kind: 'interface';
      readonly side: 'in' | 'out';
      readonly negated: boolean;
      readonly names: readonly string[];
    }
  /** Interfaces whose name begins so; fewer than 15 characters, or it would be a name. */
  | { readonly kind: 'interface-prefix'; readonly side: 'in' | 'out'; readonly prefix: string }
  | { readonly kind: 'ct-state'; readonly states: readonly CtStateName[] }
  /** Whether conntrack changed the destination of the flow; a packet without a flow meets neither. */
  | { readonly kind: 'ct-dnat'; readonly isSet: boolean }
  /** Whether any of the mask's bits is set in the packet mark. */
  | { readonly kind: 'mark'; readonly mask: number; readonly isSet: boolean }
  /** A TCP segment that opens a connection, or answers to that: SYN is set, RST is not. Demands the protocol. */
  | { readonly kind: 'tcp-syn' }
  /** TCP's option says that larger segments are taken; without the option, no match. Always beside `tcp-syn`. */
  | { readonly kind: 'segment-size-above'; readonly size: number }
  /** The concatenation of the fields is in the named set. */
  | {
      readonly kind: 'tuple';
      readonly fields: readonly Field[];
      readonly negated: boolean;
      readonly set: string;
    };

/** Address in any of the prefixes (never empty), or in the named set. Demands the family. */
export interface AddressMatch {
  readonly kind: 'address';
  readonly family: Family;
  readonly side: Side;
  readonly negated: boolean;
  readonly in: { readonly prefixes: readonly Prefix[] } | { readonly set: string };
}

export type Side = 'source' | 'destination';

export type CtStateName = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

export type Statement =
  | { readonly kind: 'counter' }
  /** The first `snaplen` bytes of the packet, to whoever listens to the group. */
  | { readonly kind: 'log'; readonly group: number; readonly prefix: string; readonly snaplen: number }
  /** The packet leaves the rule where more than `count` came to it in the unit of time, after a first burst of `burst`. */
  | {
      readonly kind: 'limit';
      readonly count: number;
      readonly per: 'second' | 'minute' | 'hour' | 'day';
      readonly burst: number;
    }
  /** mark = (mark and not clear) or set; only bits of ours. */
  | { readonly kind: 'mark'; readonly clear: number; readonly set: number }
  | { readonly kind: 'notrack' }
  /** Of the packet's flow, conntrack tells its listeners nothing but that it ended. */
  | { readonly kind: 'tell-end-only' }
  /** TCP's option is made to say this many bytes (RFC 9293 §3.7.1). */
  | { readonly kind: 'segment-size'; readonly size: number }
  /**
   * Takes note of the class of the address on this side, for a lookup by `class` in the same rule; demands the family. With an
   * address that the map does not have the packet leaves the rule, the note as it was.
   */
  | { readonly kind: 'class'; readonly family: Family; readonly side: Side; readonly map: string }
  /** Takes note of class 0, which no address has; the packet must leave our chains so. */
  | { readonly kind: 'no-class' };

/** accept ends the hook (our base chain), drop and reject the packet; return goes back to after the last jump. */
export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string };

export type Outcome =
  | Verdict
  | { readonly kind: 'reject' }
  /** The verdict of the element that holds the packet's fields. Elements of one map never overlap. */
  | { readonly kind: 'lookup'; readonly map: string; readonly fields: readonly Field[] }
  | { readonly kind: 'ct-state-lookup'; readonly verdicts: readonly (readonly [CtStateName, Verdict])[] };

/** One part of a concatenated key. An address field demands its family. */
export type Field =
  | { readonly kind: 'address'; readonly family: Family; readonly side: Side }
  | { readonly kind: 'protocol' }
  | { readonly kind: 'port'; readonly side: Side }
  | { readonly kind: 'interface'; readonly side: 'in' | 'out' }
  /** The class that was last taken note of. */
  | { readonly kind: 'class' };

/**
 * A value for one field: prefix or addresses for address, range for protocol and port, name for interface. Both ends of
 * addresses and ranges are included.
 */
export type FieldValue =
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
  | { readonly kind: 'addresses'; readonly family: Family; readonly first: bigint; readonly last: bigint }
  | { readonly kind: 'range'; readonly first: number; readonly last: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'class'; readonly class: number };

/** As many values as the set or map has fields, in that order. */
export type Key = readonly FieldValue[];

export type NftSet =
  /** Addresses of one family: hosts in a hash set, or prefixes that do not contain each other in an interval set. */
  | {
      readonly kind: 'addresses';
      readonly name: string;
      readonly family: Family;
      readonly holds: 'hosts' | 'prefixes';
      /** By printed prefix. */
      readonly elements: ReadonlyMap<string, Prefix>;
    }
  /** Concatenations; elements never overlap. */
  | {
      readonly kind: 'tuples';
      readonly name: string;
      readonly fields: readonly Field[];
      /** By printed key. */
      readonly elements: ReadonlyMap<string, Key>;
    };

export interface VerdictMap {
  readonly name: string;
  readonly fields: readonly Field[];
  /** True where keys may be prefixes or ranges; false where every value is a single one (interface names). */
  readonly isInterval: boolean;
  /** True where elements only lead to chains, the rules of which count for themselves. */
  readonly isUncounted?: boolean;
  /** By printed key. */
  readonly elements: ReadonlyMap<string, MapElement>;
}

/**
 * The class of each address: addresses of one class are in the same selectors' sets. The note of a class is the packet's
 * priority, the one word of a packet besides its mark that nft can write from a map and look up again; netfilter runs before
 * anything that asks for it. Classes count from `firstClass`, where no queueing discipline and no socket option is.
 */
export interface ClassMap {
  readonly name: string;
  readonly family: Family;
  /** False: keys are addresses, in a hash map. True: keys are `first-last`, or an address, that do not overlap. */
  readonly isInterval: boolean;
  /** By printed key. */
  readonly classes: ReadonlyMap<string, number>;
}

export const firstClass = 0x40000000;

/** What holds elements: a set to the kernel. */
export type Holder = NftSet | VerdictMap | ClassMap;

export interface MapElement {
  readonly key: Key;
  readonly verdict: Verdict;
  readonly comment?: string;
}
