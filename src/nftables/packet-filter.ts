/**
 * The port to the kernel's packet filter, for writing; edge/nft.ts implements it, table-reader.ts is the one for reading.
 *
 * Invariant: a change is applied whole or not at all.
 */
import type { Result } from '../result.ts';
import type { RulesetChange } from './diff.ts';

export interface PacketFilter {
  /** One transaction. Where rules of a chain change, it counts only if nobody else changed the ruleset meanwhile. */
  apply(change: RulesetChange): Promise<Result<void, NftError>>;
  /** Takes our table away, whether or not it is there. */
  remove(): Promise<Result<void, NftError>>;
  /** Calls back after somebody else changed something in our table, and whenever changes may have been missed. */
  monitor(onChange: () => void): { close(): void };
  close(): void;
}

export type NftError =
  /** The kernel disliked the change: our bug, or an object is not there that should be. The message names the object. */
  | { readonly kind: 'refused'; readonly message: string }
  /** The table is not what the change was made for, or it cannot be told what became of it: it must be read. */
  | { readonly kind: 'stale'; readonly message: string }
  | { readonly kind: 'not-permitted'; readonly message: string };
