/**
 * Statements and conditions of BIRD's filters that are written often, by short names.
 */
import { bitLength, type Family } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { BirdCondition, BirdStatement, PrefixPattern } from './config.ts';

export const accept: BirdStatement = { kind: 'accept' };

export function reject(because: string): BirdStatement {
  return { kind: 'reject', because };
}

export function when(condition: BirdCondition, statement: BirdStatement): BirdStatement {
  return { kind: 'if', when: condition, body: [statement] };
}

export function all(operands: readonly BirdCondition[]): BirdCondition {
  return { kind: 'all', operands };
}

export function any(operands: readonly BirdCondition[]): BirdCondition {
  return { kind: 'any', operands };
}

export function not(operand: BirdCondition): BirdCondition {
  return { kind: 'not', operand };
}

export function netIn(set: readonly PrefixPattern[]): BirdCondition {
  return { kind: 'net-in', set };
}

export function andLonger(prefix: Prefix): PrefixPattern {
  return { prefix, low: prefix.length, high: bitLength(prefix.family) };
}

export function exactly(prefix: Prefix): PrefixPattern {
  return { prefix, low: prefix.length, high: prefix.length };
}

export function defaultRoute(family: Family): Prefix {
  return { family, bits: 0n, length: 0 };
}
