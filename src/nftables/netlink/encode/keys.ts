/**
 * Keys of sets and maps as the bytes that the kernel compares.
 *
 *   Field*, Key ─[KeyEncoder]→ the first key of an interval, the last, and the one after
 *
 * One encoder for each set, which writes into the same bytes again and again.
 * Invariant: in an interval set numbers are in network order, whatever they are elsewhere, so that bytes sort as numbers do.
 */
import { type Address, type Family, parseAddress } from '../../../net/address.ts';
import { lastAddress } from '../../../net/prefix.ts';
import type { Field, FieldValue, Key } from '../../ruleset.ts';
import { formOf, wordsOf } from './fields.ts';

interface Place {
  readonly at: number;
  readonly bytes: number;
  readonly isLittleEndian: boolean;
}

const orderMessage = 'a class is a key of its own in a hash map, or part of a concatenation of intervals';

export class KeyEncoder {
  /** The bytes of the key that was last written, and of its upper end. */
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  readonly #places: readonly Place[];
  readonly #firstView: DataView;
  readonly #lastView: DataView;

  constructor(fields: readonly Field[], isInterval: boolean) {
    let at = 0;
    this.#places = fields.map((field) => {
      const form = formOf(field);
      // Several numbers are looked up in network order (expressions.ts), and only hash sets may hold one in the host's.
      if (form.isHostOrder && form.bytes > 1 && isInterval !== fields.length > 1) throw new Error(orderMessage);
      const place = { at, bytes: form.bytes, isLittleEndian: form.isHostOrder && !isInterval };
      at += wordsOf(form) * 4;
      return place;
    });
    const size = fields.length === 1 ? (this.#places[0]?.bytes ?? 0) : at;
    this.first = new Uint8Array(size);
    this.last = new Uint8Array(size);
    this.#firstView = new DataView(this.first.buffer);
    this.#lastView = new DataView(this.last.buffer);
  }

  write(key: Key): void {
    for (let i = 0; i < this.#places.length; i++) {
      const place = this.#places[i];
      const value = key[i];
      if (!place || !value) throw new Error('a key with fewer values than its set has fields');
      this.#writeValue(place, value);
    }
  }

  /** Of the first field. */
  writeAddresses(first: bigint, last: bigint): void {
    const place = this.#places[0];
    if (!place) throw new Error('a set without fields');
    writeBits(this.#firstView, place, first);
    writeBits(this.#lastView, place, last);
  }

  /** Makes `last` the key that follows it; false where there is none. */
  stepPastLast(): boolean {
    for (let at = this.last.length - 1; at >= 0; at--) {
      const byte = ((this.last[at] ?? 0) + 1) & 0xff;
      this.last[at] = byte;
      if (byte !== 0) return true;
    }
    return false;
  }

  #writeValue(place: Place, value: FieldValue): void {
    switch (value.kind) {
      case 'prefix':
        writeBits(this.#firstView, place, value.prefix.bits);
        writeBits(this.#lastView, place, lastAddress(value.prefix).bits);
        return;
      case 'addresses':
        writeBits(this.#firstView, place, value.first);
        writeBits(this.#lastView, place, value.last);
        return;
      case 'range':
        writeNumber(this.#firstView, place, value.first);
        writeNumber(this.#lastView, place, value.last);
        return;
      case 'class':
        writeNumber(this.#firstView, place, value.class);
        writeNumber(this.#lastView, place, value.class);
        return;
      case 'name':
        writeName(this.first, place, value.name);
        writeName(this.last, place, value.name);
    }
  }
}

/** Keys of a class map: `first-last`, or one address. */
export function readAddresses(key: string, family: Family): { readonly first: bigint; readonly last: bigint } {
  const dash = key.indexOf('-');
  const first = checkedAddress(dash < 0 ? key : key.slice(0, dash), family);
  return { first: first.bits, last: dash < 0 ? first.bits : checkedAddress(key.slice(dash + 1), family).bits };
}

/** Names shorter than the kernel's 16 bytes are filled up with zeros. */
export function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  writeName(bytes, { at: 0, bytes: 16, isLittleEndian: false }, name);
  return bytes;
}

export function addressBytes({ family, bits }: Address): Uint8Array {
  const size = family === 4 ? 4 : 16;
  const bytes = new Uint8Array(size);
  writeBits(new DataView(bytes.buffer), { at: 0, bytes: size, isLittleEndian: false }, bits);
  return bytes;
}

function checkedAddress(text: string, family: Family): Address {
  const address = parseAddress(text);
  if (address?.family !== family) throw new Error(`${text} is no address of a map of family ${family}`);
  return address;
}

function writeBits(view: DataView, { at, bytes }: Place, bits: bigint): void {
  if (bytes === 4) {
    view.setUint32(at, Number(bits));
    return;
  }
  view.setBigUint64(at, bits >> 64n);
  view.setBigUint64(at + 8, BigInt.asUintN(64, bits));
}

function writeNumber(view: DataView, { at, bytes, isLittleEndian }: Place, value: number): void {
  if (bytes === 1) view.setUint8(at, value);
  else if (bytes === 2) view.setUint16(at, value, isLittleEndian);
  else view.setUint32(at, value, isLittleEndian);
}

function writeName(bytes: Uint8Array, { at }: Place, name: string): void {
  if (name.length > 15) throw new Error(`interface name ${JSON.stringify(name)} is too long`);
  bytes.fill(0, at, at + 16);
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0 || code > 0x7f) throw new Error(`interface name ${JSON.stringify(name)} cannot be written`);
    bytes[at + i] = code;
  }
}
