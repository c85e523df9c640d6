/**
 * IP prefixes as values.
 *
 * Invariant: a Prefix never has host bits set. Text with host bits is an InterfaceAddress (an address and the length of
 * its subnet), or is masked by whoever may mask it.
 */
import { type Address, bitLength, compareAddresses, type Family, parseAddress, printAddress } from './address.ts';

export interface Prefix {
  readonly family: Family;
  /** Network address, host bits clear. */
  readonly bits: bigint;
  /** 0 to 32 or 0 to 128. */
  readonly length: number;
}

/** An address together with the prefix length of the subnet it sits in, as interfaces and Calico Nodes write it. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly length: number;
}

/** Strict: `address/length` with host bits clear; undefined otherwise, a bare address included. */
export function parsePrefix(text: string): Prefix | undefined {
  const parsed = parseCidr(text);
  if (!parsed) return undefined;
  const prefix = maskAddress(parsed.address, parsed.length);
  return prefix.bits === parsed.address.bits ? prefix : undefined;
}

/** `address/length`, host bits kept; undefined otherwise, a bare address included. */
export function parseCidr(text: string): InterfaceAddress | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (!address || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  return length <= bitLength(address.family) ? { address, length } : undefined;
}

/** `address/length` or a bare address, which is taken as a host prefix; host bits are cleared. */
export function parseAddressOrCidr(text: string): Prefix | undefined {
  const cidr = parseCidr(text);
  if (cidr) return maskAddress(cidr.address, cidr.length);
  const address = parseAddress(text);
  return address && hostPrefix(address);
}

export function maskAddress(address: Address, length: number): Prefix {
  const hostBits = BigInt(bitLength(address.family) - length);
  return { family: address.family, bits: (address.bits >> hostBits) << hostBits, length };
}

export function hostPrefix(address: Address): Prefix {
  return { family: address.family, bits: address.bits, length: bitLength(address.family) };
}

export function isHost(prefix: Prefix): boolean {
  return prefix.length === bitLength(prefix.family);
}

export function networkAddress(prefix: Prefix): Address {
  return { family: prefix.family, bits: prefix.bits };
}

/** The highest address inside the prefix. */
export function lastAddress(prefix: Prefix): Address {
  const hostBits = BigInt(bitLength(prefix.family) - prefix.length);
  return { family: prefix.family, bits: prefix.bits | ((1n << hostBits) - 1n) };
}

/** `address/length`, always with the length, canonical. */
export function printPrefix(prefix: Prefix): string {
  // Not a template: V8 keeps that as the tree of its parts, five times the size, in every table keyed by prefixes.
  return [printAddress(networkAddress(prefix)), prefix.length].join('/');
}

/** Family, then address, then the shorter (wider) prefix first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(networkAddress(a), networkAddress(b)) || a.length - b.length;
}

export function equalPrefixes(a: Prefix, b: Prefix): boolean {
  return a.family === b.family && a.length === b.length && a.bits === b.bits;
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.family !== address.family) return false;
  const hostBits = BigInt(bitLength(prefix.family) - prefix.length);
  return address.bits >> hostBits === prefix.bits >> hostBits;
}

/** Whether `outer` contains `inner`; equal prefixes contain each other. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, networkAddress(inner));
}
