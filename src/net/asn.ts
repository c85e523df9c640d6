/**
 * Autonomous system numbers (RFC 6793): 32-bit, written plain or as asdot `high.low` (RFC 5396).
 */
declare const brand: unique symbol;

export type Asn = number & { readonly [brand]: 'Asn' };

/** Accepts an integer or its text, plain or asdot; undefined when it is no 32-bit AS number. */
export function parseAsn(input: number | string): Asn | undefined {
  if (typeof input === 'number') return isAsn(input) ? input : undefined;
  const dotted = /^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})$/.exec(input);
  if (dotted) {
    const high = Number(dotted[1]);
    const low = Number(dotted[2]);
    const value = high * 65536 + low;
    return high <= 65535 && low <= 65535 && isAsn(value) ? value : undefined;
  }
  if (!/^(0|[1-9][0-9]{0,9})$/.test(input)) return undefined;
  const value = Number(input);
  return isAsn(value) ? value : undefined;
}

function isAsn(value: number): value is Asn {
  return Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}
