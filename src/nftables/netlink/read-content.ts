/**
 * The content of netlink attributes as hashes, by shape.
 *
 *   bytes, Shape ─[hashContent]→ into a ContentHash
 *
 * Reads where the bytes lie, without making an object for each attribute: a whole table is a million of them.
 * Invariant: any bytes give an answer; two messages that mean the same to the kernel give the same one.
 */
import type { ContentHash } from './content-hash.ts';
import { expressionShapes, type Field, type Shape } from './read-shapes.ts';

const headerBytes = 4;
const typeMask = 0x3fff;
/** NFTA_EXPR_NAME, NFTA_EXPR_DATA. */
const expressionName = 1;
const expressionValue = 2;
/** NFTA_LOOKUP_SET_ID, of a set that the same transaction makes. */
const lookupSetId = 4;

/** What a lookup's set counts as: its name, or the content of an anonymous one. */
export type NameSet = (name: string, id: number) => string;

export function hashContent(
  hash: ContentHash,
  bytes: Uint8Array,
  from: number,
  to: number,
  shape: Shape,
  nameSet: NameSet,
): void {
  for (let type = 1; type < shape.length; type++) {
    const field = shape[type];
    if (field === undefined) continue;
    const at = findAttribute(bytes, from, to, type);
    if (at < 0) continue;
    const end = at + lengthAt(bytes, at);
    if (field === 'set') {
      hash.number(type);
      hashText(hash, nameSet(textOf(bytes, at + headerBytes, end), numberOf(bytes, from, to, lookupSetId)));
    } else hashField(hash, bytes, at + headerBytes, end, type, field, nameSet);
  }
}

function hashField(
  hash: ContentHash,
  bytes: Uint8Array,
  from: number,
  to: number,
  type: number,
  field: Exclude<Field, 'set'>,
  nameSet: NameSet,
): void {
  switch (field) {
    case 'bytes':
      hash.number(type);
      hash.bytes(bytes, from, to);
      return;
    case 'number':
      if (isZero(bytes, from, to)) return;
      hash.number(type);
      hash.bytes(bytes, from, to);
      return;
    case 'register':
      hash.number(type);
      hash.number(registerWord(readNumber(bytes, from, to)));
      return;
    case 'text':
      hash.number(type);
      hash.bytes(bytes, from, withoutEnd(bytes, from, to));
      return;
    case 'expression':
      hash.number(type);
      hashExpression(hash, bytes, from, to, nameSet);
      return;
    case 'expressions':
      hash.number(type);
      eachOf(bytes, from, to, (at, end) => hashExpression(hash, bytes, at, end, nameSet));
      return;
    case 'stateful':
      if (type === 7) hashStateful(hash, bytes, from, to, nameSet);
      else eachOf(bytes, from, to, (at, end) => hashStateful(hash, bytes, at, end, nameSet));
      return;
    default:
      if (from === to) return; // the kernel writes some that have nothing in them
      hash.number(type);
      if ('each' in field) eachOf(bytes, from, to, (at, end) => hashContent(hash, bytes, at, end, field.each, nameSet));
      else hashContent(hash, bytes, from, to, field, nameSet);
  }
}

function hashExpression(hash: ContentHash, bytes: Uint8Array, from: number, to: number, nameSet: NameSet): void {
  const name = textAt(bytes, from, to, expressionName);
  hashText(hash, name);
  const at = findAttribute(bytes, from, to, expressionValue);
  if (at < 0) return;
  const shape = expressionShapes.get(name);
  const end = at + lengthAt(bytes, at);
  if (shape) hashContent(hash, bytes, at + headerBytes, end, shape, nameSet);
  else hash.bytes(bytes, at + headerBytes, end);
}

function hashStateful(hash: ContentHash, bytes: Uint8Array, from: number, to: number, nameSet: NameSet): void {
  if (textAt(bytes, from, to, expressionName) !== 'counter') hashExpression(hash, bytes, from, to, nameSet);
}

export function hashText(hash: ContentHash, text: string): void {
  hash.number(text.length);
  for (let i = 0; i < text.length; i++) hash.number(text.charCodeAt(i));
}

/** Calls back with where each attribute's value begins and ends, in order. */
export function eachOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  take: (from: number, to: number, type: number) => void,
): void {
  for (let at = from; at + headerBytes <= to; ) {
    const length = lengthAt(bytes, at);
    if (length < headerBytes || at + length > to) return;
    take(at + headerBytes, at + length, typeAt(bytes, at));
    at += (length + 3) & ~3;
  }
}

/** A copy of the attributes of these types, headers included. */
export function pickAttributes(bytes: Uint8Array, from: number, to: number, types: ReadonlySet<number>): Uint8Array {
  const picked: Uint8Array[] = [];
  let size = 0;
  eachOf(bytes, from, to, (start, end, type) => {
    if (!types.has(type)) return;
    picked.push(bytes.subarray(start - headerBytes, end));
    size += (end - start + headerBytes + 3) & ~3;
  });
  const copy = new Uint8Array(size);
  let at = 0;
  for (const attribute of picked) {
    copy.set(attribute, at);
    at += (attribute.length + 3) & ~3;
  }
  return copy;
}

/** Where the first attribute of the type stands; -1 where there is none. */
export function findAttribute(bytes: Uint8Array, from: number, to: number, type: number): number {
  for (let at = from; at + headerBytes <= to; ) {
    const length = lengthAt(bytes, at);
    if (length < headerBytes || at + length > to) return -1;
    if (typeAt(bytes, at) === type) return at;
    at += (length + 3) & ~3;
  }
  return -1;
}

/** Empty where there is none. */
export function textAt(bytes: Uint8Array, from: number, to: number, type: number): string {
  const at = findAttribute(bytes, from, to, type);
  return at < 0 ? '' : textOf(bytes, at + headerBytes, at + lengthAt(bytes, at));
}

/** Zero where there is none. */
export function numberOf(bytes: Uint8Array, from: number, to: number, type: number): number {
  const at = findAttribute(bytes, from, to, type);
  return at < 0 ? 0 : readNumber(bytes, at + headerBytes, at + lengthAt(bytes, at));
}

/** An attribute and its value's bounds; undefined where there is none. */
export function spanOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  type: number,
): { readonly from: number; readonly to: number } | undefined {
  const at = findAttribute(bytes, from, to, type);
  return at < 0 ? undefined : { from: at + headerBytes, to: at + lengthAt(bytes, at) };
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

function typeAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8)) & typeMask;
}

function readNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 256 + (bytes[at] as number);
  return value;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

function withoutEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to && bytes[at] !== 0; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** NFT_REG_1 to NFT_REG_4 as the word they begin with; NFT_REG_VERDICT and the words themselves as they are. */
function registerWord(register: number): number {
  return register >= 1 && register <= 4 ? register * 4 + 4 : register;
}
