/**
 * Addresses and prefixes as tests write them: as text that must be right.
 */
import { type Address, parseAddress } from './address.ts';
import { type Prefix, parsePrefix } from './prefix.ts';

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`no address: ${text}`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`no prefix: ${text}`);
  return parsed;
}
