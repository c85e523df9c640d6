/**
 * Messages of VICI, the protocol by which a charon is configured and asked: trees of sections, lists and values.
 *
 *   IpsecTunnelIntent ─[connection]→ ViciSection → edge/links/vici-codec → charon → ViciSection ─[associations]→ what is seen
 * Invariant: types alone; bytes are the edge's affair.
 */

export interface ViciSection {
  readonly [key: string]: ViciValue;
}

/** Text is UTF-8; bytes that are none are read with replacement characters: only names and numbers are read, never keys. */
export type ViciValue = string | readonly string[] | ViciSection;

export const emptyMessage: ViciSection = {};

export function isList(value: ViciValue | undefined): value is readonly string[] {
  return Array.isArray(value);
}

export function isSection(value: ViciValue | undefined): value is ViciSection {
  return typeof value === 'object' && !Array.isArray(value);
}
