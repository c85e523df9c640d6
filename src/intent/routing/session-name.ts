/**
 * Names of sessions: safe as BIRD symbols, stable, unique, and close to what the user wrote.
 */
import { type Address, type Family, printAddress } from '../../net/address.ts';
import { contentHash } from '../../net/content-hash.ts';

/** BIRD's symbols may have 63 characters; some are left for prefixes that tell ours, and filters from sessions. */
const longestSymbol = 48;

/**
 * Maps any text to `[A-Za-z0-9_]+` of bounded length. Text that has to change keeps a hash of the original, so that two
 * texts never share a symbol.
 */
export function toSymbol(text: string, longest = longestSymbol): string {
  if (/^[A-Za-z0-9_]+$/.test(text) && text.length <= longest) return text;
  const suffix = `_${contentHash(text).slice(0, 10)}`;
  return text.replace(/[^A-Za-z0-9_]/g, '_').slice(0, longest - suffix.length) + suffix;
}

/**
 * Maps a resource's name to a symbol: hyphens become underscores. Names with anything else (dots, and underscores, which no
 * resource has) keep a hash, so two names never share a symbol.
 */
export function nameToSymbol(name: string, longest = longestSymbol): string {
  const isPlain = /^[a-z0-9-]+$/.test(name) && name.length <= longest;
  return isPlain ? name.replaceAll('-', '_') : toSymbol(`${name}.`, longest);
}

/** Calico's names: `Mesh_`, `Global_`, `Node_` or `Local_Workload_`, the address, and the port where it is not 179. */
export function calicoSessionName(sort: string, neighbor: Address, port: number): string {
  const address = printAddress(neighbor).replace(/[.:]/g, '_');
  return toSymbol(`${sort}_${address}${port === 179 ? '' : `_port_${port}`}`);
}

/**
 * `attachment_<name>_<address>`: the address is always there, so that a further peer of the same Attachment renames, and
 * resets, no session.
 */
export function attachmentSessionName(attachment: string, neighbor: Address): string {
  return toSymbol(`attachment_${nameToSymbol(attachment, 30)}_${printAddress(neighbor).replace(/[.:]/g, '_')}`);
}

/** `group_<router>`, with `_v6` for IPv6. */
export function groupSessionName(router: string, family: Family): string {
  return `group_${nameToSymbol(router, 38)}${family === 6 ? '_v6' : ''}`;
}
