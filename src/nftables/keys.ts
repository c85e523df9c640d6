/**
 * Keys of sets and maps as text: what nft reads, and what tells one element from another.
 */
import { printAddress } from '../net/address.ts';
import { printPrefix } from '../net/prefix.ts';
import { quoteInterface } from './names.ts';
import type { FieldValue, Key } from './ruleset.ts';

export function printKey(key: Key): string {
  return key.map(printFieldValue).join(' . ');
}

function printFieldValue(value: FieldValue): string {
  switch (value.kind) {
    case 'prefix':
      return printPrefix(value.prefix);
    case 'addresses': {
      const { family, first, last } = value;
      const lowest = printAddress({ family, bits: first });
      return first === last ? lowest : `${lowest}-${printAddress({ family, bits: last })}`;
    }
    case 'range':
      return value.first === value.last ? String(value.first) : `${value.first}-${value.last}`;
    case 'name':
      return quoteInterface(value.name);
    case 'class':
      return printClass(value.class);
  }
}

/** As tc(8) writes a handle, and nft lists it. */
export function printClass(number: number): string {
  return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
}
