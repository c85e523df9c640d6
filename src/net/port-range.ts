/**
 * Ranges of 16-bit transport ports.
 *
 * Invariant: 0 <= first <= last <= 65535.
 */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** A port as Calico's rules write it: a number, its text, or `"first:last"`; undefined for names and nonsense. */
export function parsePortRange(input: number | string): PortRange | undefined {
  const match = /^([0-9]{1,5})(?::([0-9]{1,5}))?$/.exec(String(input));
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first >= 1 && first <= last && last <= 65535 ? { first, last } : undefined;
}

export function containsPort(range: PortRange, port: number): boolean {
  return range.first <= port && port <= range.last;
}

/** `first`, or `first-last` as nft and people write it. */
export function printPortRange(range: PortRange): string {
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}
