/**
 * The elements of a dispatch's two maps, and whether a dispatch is worth its chains.
 *
 *   Signatures ─[neededSignatures]→ chains to have ─[dispatchElements]→ MapElement by address
 *
 * Shared by compiling and by moving members, which must come to the same.
 */
import { type Family, printAddress } from '../net/address.ts';
import type { Key, MapElement } from './ruleset.ts';
import { type Signature, type Signatures, signatureIndexes } from './signatures.ts';

export interface DispatchElements {
  readonly hosts: ReadonlyMap<string, MapElement>;
  readonly prefixes: ReadonlyMap<string, MapElement>;
  readonly uses: ReadonlyMap<Signature, number>;
}

/** Every signature that occurs and every selector alone, sorted; none when there is no member at all. */
export function neededSignatures({ hosts, segments }: Signatures, setCount: number): readonly Signature[] {
  if (hosts.size + segments.length === 0) return [];
  const needed = new Set<Signature>(Array.from({ length: setCount }, (_, index) => String(index)));
  for (const { signature } of hosts.values()) needed.add(signature);
  for (const { signature } of segments) needed.add(signature);
  return [...needed].sort();
}

/**
 * Whether the chains of these signatures would repeat rules more than about eight times: addresses that are in many sets
 * each, in ever other combinations. `ruleCounts` has the number of rules of each set.
 */
export function isTooMuch(needed: readonly Signature[], ruleCounts: readonly number[]): boolean {
  const most = 1024 + 8 * ruleCounts.reduce((sum, count) => sum + count, 0);
  let total = 0;
  for (const signature of needed) {
    for (const index of signatureIndexes(signature)) total += ruleCounts[index] ?? 0;
    if (total > most) return true;
  }
  return false;
}

export function dispatchElements(
  family: Family,
  { hosts, segments }: Signatures,
  chains: ReadonlyMap<Signature, string>,
): DispatchElements {
  const verdicts = new Map([...chains].map(([signature, chain]) => [signature, { kind: 'goto', chain }] as const));
  const uses = new Map<Signature, number>();
  const element = (key: Key, signature: Signature): MapElement => {
    uses.set(signature, (uses.get(signature) ?? 0) + 1);
    const verdict = verdicts.get(signature);
    if (!verdict) throw new Error(`no chain for signature ${signature}`);
    return { key, verdict };
  };
  const byHost = new Map<string, MapElement>();
  for (const [text, { bits, signature }] of hosts) byHost.set(text, element(hostKey(family, bits), signature));
  const byPrefix = new Map<string, MapElement>();
  for (const { first, last, signature } of segments) {
    const end = first === last ? '' : `-${printAddress({ family, bits: last })}`;
    const key: Key = [{ kind: 'addresses', family, first, last }];
    byPrefix.set(`${printAddress({ family, bits: first })}${end}`, element(key, signature));
  }
  return { hosts: byHost, prefixes: byPrefix, uses };
}

export function hostKey(family: Family, bits: bigint): Key {
  return [{ kind: 'addresses', family, first: bits, last: bits }];
}
