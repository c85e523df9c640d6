/**
 * Addresses as numbers, for the naive evaluator: its own few lines, so that a mistake of src/net is not made twice.
 *
 *   text → value and width;  CIDR, address ─[holds]→ yes or no
 */
export interface NaiveAddress {
  readonly width: 32 | 128;
  readonly value: bigint;
}

export function readAddress(text: string): NaiveAddress {
  if (!text.includes(':')) {
    return { width: 32, value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  }
  const [head = '', tail] = text.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [
    ...groups(head),
    ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'),
    ...groups(tail),
  ];
  return { width: 128, value: all.reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n) };
}

/** Whether the CIDR, or the bare address, holds the other address. */
export function holds(cidr: string, address: NaiveAddress): boolean {
  const [text = '', length] = cidr.split('/');
  const { width, value } = readAddress(text);
  if (width !== address.width) return false;
  const shift = BigInt(width - Number(length ?? width));
  return value >> shift === address.value >> shift;
}

export function isIpv6(cidr: string): boolean {
  return cidr.includes(':');
}
