/** A word as this host has it in memory: marks, priorities, states. */
export function hostOrder(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff);
}

/** In network order, in one byte or two. */
export function numberBytes(value: number, bytes: number): Uint8Array {
  return bytes === 1 ? Uint8Array.of(value) : Uint8Array.of(value >>> 8, value & 0xff);
}
