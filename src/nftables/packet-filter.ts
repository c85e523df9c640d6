/**
 * The port to the kernel's packet filter; edge/nft.ts implements it.
 *
 * Invariant: a text is applied whole or not at all.
 */
import type { Result } from '../result.ts';

export interface PacketFilter {
  /** Applies one transaction (`nft -f`). */
  apply(text: string): Promise<Result<void, NftError>>;
  /** Checks a text without applying it (`nft -c -f`). */
  check(text: string): Promise<Result<void, NftError>>;
  /** Our table as `nft -j` lists it; undefined where there is none. */
  list(): Promise<Result<string | undefined, NftError>>;
  /** Each set of our table as `nft -j` lists it, in the order asked for; one that is not there is an error. */
  listSets(names: readonly string[]): Promise<Result<readonly string[], NftError>>;
  /** Calls back after somebody else changed something in our table, and whenever changes may have been missed. */
  monitor(onChange: () => void): { close(): void };
}

export type NftError =
  /** nft or the kernel disliked the text: our bug, or an object is not there that should be. `line` counts from 1. */
  | { readonly kind: 'refused'; readonly line: number | undefined; readonly message: string }
  | { readonly kind: 'missing-program'; readonly message: string }
  | { readonly kind: 'not-permitted'; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string };

/** What nft's standard error says about a failure. `refused` unless it plainly is a matter of rights. */
export function readNftFailure(stderr: string): NftError {
  const message = stderr.trim().slice(0, 2000) || 'nft gave no reason';
  if (/Operation not permitted|you must be root|Permission denied/i.test(stderr))
    return { kind: 'not-permitted', message };
  const line = /^(?:\/dev\/stdin|-|[^:\n]*):([0-9]+):[0-9]+/m.exec(stderr)?.[1];
  return { kind: 'refused', line: line === undefined ? undefined : Number(line), message };
}
