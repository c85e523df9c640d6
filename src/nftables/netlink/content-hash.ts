/**
 * Hashes of what the kernel holds: over bytes in order, and as sums that do not mind the order.
 *
 *   bytes ─[ContentHash]→ two lanes of 32 bits ─[ContentSum.add]→ a sum that an element joins and leaves at no cost
 *
 * Multiply and xor (the shape of FNV-1a, with MurmurHash3's finish). Not cryptographic: it tells that something changed, and
 * whoever may change our table needs no collision. Invariant: sums are taken lane by lane, modulo 2^32, so that leaving undoes
 * joining exactly.
 */

/** One at a time: `begin`, then what is hashed, then the finished lanes. In numbers, since a million bytes go through it. */
export class ContentHash {
  #a = 0;
  #b = 0;

  begin(): void {
    this.#a = 0x811c9dc5;
    this.#b = 0x9747b28c;
  }

  number(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#b = Math.imul(this.#b ^ value, 0x85ebca6b) + 0x165667b1;
  }

  bytes(bytes: Uint8Array, from: number, to: number): void {
    let a = this.#a ^ (to - from);
    let b = this.#b + (to - from);
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ byte, 0x85ebca6b) + 0x165667b1;
    }
    this.#a = a;
    this.#b = b;
  }

  get a(): number {
    return finish(this.#a);
  }

  get b(): number {
    return finish(this.#b);
  }
}

/** Of things in no order; `less` takes away what `more` has put in. */
export class ContentSum {
  count = 0;
  a = 0;
  b = 0;

  more(a: number, b: number): void {
    this.count++;
    this.a = (this.a + a) | 0;
    this.b = (this.b + b) | 0;
  }

  less(a: number, b: number): void {
    this.count--;
    this.a = (this.a - a) | 0;
    this.b = (this.b - b) | 0;
  }

  copy(): ContentSum {
    const copy = new ContentSum();
    copy.count = this.count;
    copy.a = this.a;
    copy.b = this.b;
    return copy;
  }
}

/** Sixteen hexadecimal digits. */
export function printLanes(a: number, b: number): string {
  return hex(a) + hex(b);
}

/** What `printLanes` printed. */
export function readLanes(digits: string): readonly [a: number, b: number] {
  return [Number.parseInt(digits.slice(0, 8), 16) | 0, Number.parseInt(digits.slice(8), 16) | 0];
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}

function finish(lane: number): number {
  let mixed = lane ^ (lane >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
