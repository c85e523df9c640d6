/**
 * The port to what the kernel holds of our table; edge/table-reader.ts implements it.
 *
 * Invariant: an answer shows one generation of the ruleset, never half a transaction.
 */
import type { Result } from '../result.ts';
import type { NftError } from './packet-filter.ts';
import type { PacketCount } from './read-counters.ts';

/**
 * One word for each object: `table`, `chain NAME`, `set NAME` (maps are sets to the kernel), and kinds that ours has none of.
 * Equal words, equal content: rules in their order, elements in any, counters and handles aside.
 */
export type TableDigests = ReadonlyMap<string, string>;

export interface ObservedTable {
  /** Counts every transaction on any table of the namespace. */
  readonly generation: number;
  readonly digests: TableDigests;
}

/** Some objects of the table, and some elements of its sets. */
export interface TableParts {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
  readonly elements: readonly ElementQuery[];
}

export interface ElementQuery {
  readonly set: string;
  /** The key as the kernel has it (netlink attributes). */
  readonly key: Uint8Array;
}

export interface ObservedParts {
  readonly generation: number;
  /** Of the chains and sets that are there. */
  readonly digests: TableDigests;
  /** In the order of the queries; undefined where no element has that key in it. */
  readonly elements: readonly (ElementDigest | undefined)[];
}

/** An interval set answers with the element around a key, which may have another key. */
export interface ElementDigest {
  readonly key: string;
  readonly whole: string;
}

export interface TableReader {
  /** Undefined where there is no table of ours. */
  readTable(): Promise<Result<ObservedTable | undefined, NftError>>;
  readParts(parts: TableParts): Promise<Result<ObservedParts, NftError>>;
  readGeneration(): Promise<Result<number, NftError>>;
  /** How often each rule decided, by its comment; empty where there is no table. */
  readCounters(): Promise<Result<ReadonlyMap<string, PacketCount>, NftError>>;
  close(): void;
}
