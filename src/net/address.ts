/**
 * IP addresses as values: parse, print, compare.
 *
 * Invariant: an Address is always in range for its family. Text is accepted only in the strict forms that RFC 4291 and
 * dotted-quad notation allow: no leading zeros, no zone, no short IPv4 forms, so that no two readers of a manifest can
 * see two different addresses.
 */

/** The IP version. Every function takes it as a value, so that IPv4 and IPv6 go one way. */
export type Family = 4 | 6;

export const families: readonly Family[] = [4, 6];

export interface Address {
  readonly family: Family;
  /** The address as an unsigned integer of `bitLength(family)` bits. */
  readonly bits: bigint;
}

export function bitLength(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Parses a bare IPv4 or IPv6 address; undefined when the text is anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) {
    const bits = parseIpv6Bits(text);
    return bits === undefined ? undefined : { family: 6, bits };
  }
  const value = parseIpv4Number(text);
  return value === undefined ? undefined : { family: 4, bits: BigInt(value) };
}

/** Canonical text: dotted quad, or RFC 5952 for IPv6. */
export function printAddress(address: Address): string {
  return address.family === 4 ? printIpv4(Number(address.bits)) : printIpv6(address.bits);
}

/** IPv4 before IPv6, then numerically. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0;
}

export function equalAddresses(a: Address, b: Address): boolean {
  return a.family === b.family && a.bits === b.bits;
}

function parseIpv4Number(text: string): number | undefined {
  let value = 0;
  let octet = -1;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 46;
    if (code === 46) {
      if (octet < 0) return undefined;
      value = value * 256 + octet;
      octets++;
      octet = -1;
    } else if (code >= 48 && code <= 57) {
      if (octet === 0) return undefined; // a leading zero would read as octal elsewhere
      octet = (octet < 0 ? 0 : octet * 10) + (code - 48);
      if (octet > 255) return undefined;
    } else {
      return undefined;
    }
  }
  return octets === 4 ? value : undefined;
}

function parseIpv6Bits(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [headText, tailText] = halves;
  const head = parseIpv6Groups(headText ?? '', tailText === undefined);
  const tail = tailText === undefined ? [] : parseIpv6Groups(tailText, true);
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (tailText === undefined ? missing !== 0 : missing < 1) return undefined;
  let bits = 0n;
  for (const group of [...head, ...new Array<number>(missing).fill(0), ...tail]) bits = (bits << 16n) | BigInt(group);
  return bits;
}

function parseIpv6Groups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (isLast && i === parts.length - 1 && part.includes('.')) {
      const embedded = parseIpv4Number(part);
      if (embedded === undefined) return undefined;
      groups.push(Math.floor(embedded / 65536), embedded % 65536);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function printIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function printIpv6(bits: bigint): string {
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((bits >> shift) & 0xffffn));
  // RFC 5952 §4.2: shorten the longest run of two or more zero groups, the first of equals.
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    if (end > i) i = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
