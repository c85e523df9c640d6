/**
 * Names from content: SHA-256 (FIPS 180-4) of a text, cut to 120 bits.
 *
 *   canonical text ─[contentHash]→ set ids, chain names
 *
 * It is written here because the pure layers see no Node. A cryptographic hash, because users choose the texts: two
 * selectors that share a name would share a set, and policy would be the wrong one.
 * Invariant: equal texts give equal names on every machine; the name is `[a-z2-7]{24}`, safe in nft and BIRD.
 */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const hashLength = 24;

const primes = firstPrimes(64);
const initialState = primes.slice(0, 8).map((prime) => fractionBits(Math.sqrt(prime)));
const roundConstants = Int32Array.from(primes, (prime) => fractionBits(Math.cbrt(prime)));
const schedule = new Int32Array(64);

/** 24 characters of lower-case base32 (RFC 4648 alphabet): the first 120 bits of SHA-256 over the text's UTF-8. */
export function contentHash(text: string): string {
  const digest = sha256(utf8(text));
  let out = '';
  let pending = 0;
  let bits = 0;
  for (const byte of digest) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5 && out.length < hashLength) {
      bits -= 5;
      out += alphabet[(pending >> bits) & 31];
    }
  }
  return out;
}

/** The first 32 bits of SHA-256 over the text's UTF-8, for places that hold a number: equal ones have to be told apart. */
export function contentNumber(text: string): number {
  return sha256(utf8(text))
    .slice(0, 4)
    .reduce((number, byte) => number * 256 + byte, 0);
}

/** The 32 bytes of SHA-256. */
export function sha256(bytes: readonly number[]): Uint8Array {
  const padded = padMessage(bytes);
  const state = Int32Array.from(initialState);
  for (let offset = 0; offset < padded.length; offset += 64) compressBlock(state, padded, offset);
  const digest = new Uint8Array(32);
  for (const [i, word] of state.entries()) {
    for (let j = 0; j < 4; j++) digest[i * 4 + j] = word >>> (24 - 8 * j);
  }
  return digest;
}

/** A lone surrogate keeps its own three bytes, so that different texts never become one. */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) ?? 0;
    if (point > 0xffff) i++;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return bytes;
}

function padMessage(bytes: readonly number[]): Uint8Array {
  const length = Math.ceil((bytes.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  let bitCount = bytes.length * 8;
  for (let i = length - 1; bitCount > 0; i--) {
    padded[i] = bitCount % 256;
    bitCount = Math.floor(bitCount / 256);
  }
  return padded;
}

function compressBlock(state: Int32Array, message: Uint8Array, offset: number): void {
  for (let i = 0; i < 16; i++) {
    const at = offset + i * 4;
    schedule[i] = (byteAt(message, at) << 24) | (byteAt(message, at + 1) << 16) | (byteAt(message, at + 2) << 8);
    schedule[i] = word(schedule, i) | byteAt(message, at + 3);
  }
  for (let i = 16; i < 64; i++) {
    const w15 = word(schedule, i - 15);
    const w2 = word(schedule, i - 2);
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    schedule[i] = (word(schedule, i - 16) + s0 + word(schedule, i - 7) + s1) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + word(roundConstants, i) + word(schedule, i)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i] = word(state, i) + value;
}

function rotate(value: number, count: number): number {
  return (value >>> count) | (value << (32 - count));
}

function word(words: Int32Array, index: number): number {
  return words[index] ?? 0;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** The constants of FIPS 180-4 §4.2.2, §5.3.3 are the first 32 fraction bits of roots of primes; doubles hold enough. */
function fractionBits(value: number): number {
  return Math.floor((value - Math.floor(value)) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}
