/**
 * Netlink attributes: written into one growing buffer, read without copying (linux/netlink.h; netlink(7)).
 *
 *   domain values ─[AttributeWriter]→ bytes ─▶ kernel ─▶ bytes ─[readAttributes]→ domain values
 *
 * Numbers in an attribute are in network order, as all of nfnetlink's are; only netlink's own headers are in the host's, which
 * is little-endian on every machine we run on.
 * Invariant: what comes in is never trusted to be whole: an attribute that runs past its buffer ends the reading.
 */

const nestedFlag = 0x8000;
const typeMask = 0x3fff;
const headerBytes = 4;

/** Bytes for one datagram. `reset` makes it ready for the next, in the same memory. */
export class AttributeWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written; a view that the next write may make stale. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  u8(type: number, value: number): void {
    const at = this.#header(type, 1);
    this.#bytes[at] = value;
  }

  u16(type: number, value: number): void {
    const at = this.#header(type, 2); // it may move the buffer
    this.#view.setUint16(at, value);
  }

  u32(type: number, value: number): void {
    const at = this.#header(type, 4);
    this.#view.setUint32(at, value);
  }

  u64(type: number, value: bigint): void {
    const at = this.#header(type, 8);
    this.#view.setBigUint64(at, value);
  }

  /** With the zero byte at its end that the kernel's NLA_NUL_STRING asks for. Characters are single bytes. */
  text(type: number, value: string): void {
    const at = this.#header(type, value.length + 1);
    this.#chars(at, value);
  }

  raw(type: number, value: Uint8Array): void {
    const at = this.#header(type, value.length);
    this.#bytes.set(value, at);
  }

  /** A string of which each character is one byte. */
  chars(type: number, value: string): void {
    const at = this.#header(type, value.length);
    this.#chars(at, value);
  }

  /** Whole attributes, as they were read. */
  append(attributes: Uint8Array): void {
    const at = this.reserve((attributes.length + 3) & ~3);
    this.#bytes.set(attributes, at);
  }

  flag(type: number): void {
    this.#header(type, 0);
  }

  nest(type: number, write: () => void): void {
    const start = this.open(type);
    write();
    this.close(start);
  }

  /** For loops that a closure for each element would slow down: `close` takes what `open` gave. */
  open(type: number): number {
    const start = this.#length;
    this.#header(type | nestedFlag, 0);
    return start;
  }

  close(start: number): void {
    const length = this.#length - start;
    // The kernel's length field has 16 bits: whoever writes lists splits them before.
    if (length > 0xffff) throw new Error(`a nested attribute of ${length} bytes`);
    this.#view.setUint16(start, length, true);
  }

  /** Unframed bytes at the end, such as a message's fixed header; gives their position. */
  reserve(size: number): number {
    const at = this.#length;
    this.#grow(size);
    this.#bytes.fill(0, at, at + size);
    this.#length = at + size;
    return at;
  }

  /** The buffer's view, for headers at a position that `reserve` gave; stale after the next write. */
  view(): DataView {
    return this.#view;
  }

  #header(type: number, size: number): number {
    const padded = (size + 3) & ~3;
    const at = this.#length;
    this.#grow(headerBytes + padded);
    this.#view.setUint16(at, headerBytes + size, true);
    this.#view.setUint16(at + 2, type, true);
    const end = at + headerBytes + padded;
    if (padded !== size) this.#bytes.fill(0, end - 4, end);
    this.#length = end;
    return at + headerBytes;
  }

  #chars(at: number, value: string): void {
    for (let i = 0; i < value.length; i++) this.#bytes[at + i] = value.charCodeAt(i);
    this.#bytes[at + value.length] = 0; // the terminator, or padding: a header is always written after it
  }

  #grow(size: number): void {
    const needed = this.#length + size + 1;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.bytes());
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** One attribute as it lies in a datagram. */
export interface Attribute {
  /** Without the flags for nesting and byte order. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Calls back for each attribute in the bytes, in order. */
export function eachAttribute(bytes: Uint8Array, take: (type: number, value: Uint8Array) => void): void {
  const view = viewOf(bytes);
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < headerBytes || at + length > bytes.length) return;
    take(view.getUint16(at + 2, true) & typeMask, bytes.subarray(at + headerBytes, at + length));
    at += (length + 3) & ~3;
  }
}

/** By type; of a type that repeats, the last. */
export function readAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  eachAttribute(bytes, (type, value) => {
    attributes.set(type, value);
  });
  return attributes;
}

/** In order, repeats included: NFTA_LIST_ELEM and the like. */
export function listAttributes(bytes: Uint8Array): readonly Attribute[] {
  const list: Attribute[] = [];
  eachAttribute(bytes, (type, value) => {
    list.push({ type, bytes: value });
  });
  return list;
}

export function readU16(bytes: Uint8Array): number {
  return bytes.length < 2 ? 0 : viewOf(bytes).getUint16(0);
}

export function readU32(bytes: Uint8Array): number {
  return bytes.length < 4 ? 0 : viewOf(bytes).getUint32(0);
}

export function readU64(bytes: Uint8Array): bigint {
  return bytes.length < 8 ? 0n : viewOf(bytes).getBigUint64(0);
}

/** Up to the first zero byte; one character a byte. */
export function readText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
