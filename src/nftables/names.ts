/**
 * Names of chains, sets and maps, and comments: everything in printed nft text that a user's words can reach.
 *
 * Invariant: a name is a readable stem and a hash of everything it stands for, at most 100 characters of `[a-zA-Z0-9_.-]`,
 * and begins with a prefix of ours, so that it is never a keyword; a comment fits nft's 128 bytes and holds nothing that
 * could end its quotes.
 */
import type { Family } from '../net/address.ts';
import { contentHash } from '../net/content-hash.ts';

/** `prefix-stem-hash`: `stem` is for people, `identity` makes it unique. */
export function objectName(prefix: string, stem: string, identity: string): string {
  const readable = stem.replace(/[^a-zA-Z0-9_.]+/g, '-').slice(0, 40);
  return `${prefix}-${readable}-${contentHash(identity).slice(0, 10)}`;
}

/** The map from addresses of a family to their classes. */
export function classMapName(family: Family, holds: 'hosts' | 'prefixes'): string {
  return `classes-v${family}-${holds}`;
}

const commentLength = 127;

/** Printable ASCII without quote and backslash; a longer text keeps its tail, where the rule's index stands. */
export function commentText(text: string): string {
  const safe = text.replace(/[^\x20-\x7e]|["\\]/g, '_');
  if (safe.length <= commentLength) return safe;
  const hash = contentHash(text).slice(0, 8);
  return `${safe.slice(0, 70)}~${hash}~${safe.slice(safe.length - 40)}`;
}

/**
 * An interface name in quotes. The kernel allows what nft cannot write (quotes, a `*` that nft would read as a wildcard), but
 * only root on this host can give such a name; a ruleset that leaves out an interface must not be made.
 */
export function quoteInterface(name: string): string {
  if (!/^[^"\\*/\s\x00-\x1f\x7f]{1,15}$/.test(name)) {
    throw new Error(`interface name ${JSON.stringify(name)} cannot be written in nft`);
  }
  return `"${name}"`;
}

/** Every interface whose name begins so. */
export function quoteInterfacePrefix(prefix: string): string {
  return quoteInterface(prefix).replace(/"$/, '*"');
}
