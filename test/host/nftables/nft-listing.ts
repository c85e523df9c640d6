/**
 * What nft shows of our table, so that two kernels can be compared.
 *
 *   nft -j list table ─[listTable]→ objects by kind and name, rules in their order
 *
 * Left out: handles and counters, and the order in which a hash gives its elements.
 */
import type { PrivateKernel } from './private-kernel.ts';

export type Listing = ReadonlyMap<string, unknown>;

export async function listTable(kernel: PrivateKernel): Promise<Listing> {
  const { stdout, refusal } = await kernel.nft(['-j', 'list', 'table', 'inet', 'causeway']);
  if (refusal !== '') throw new Error(refusal);
  const listing = new Map<string, unknown>();
  for (const entry of JSON.parse(stdout).nftables as readonly Readonly<Record<string, Named>>[]) {
    for (const [kind, object] of Object.entries(entry)) {
      if (kind === 'metainfo') continue;
      const { name, chain, ...rest } = object;
      const key = kind === 'rule' ? `rules of ${chain}` : `${kind} ${name}`;
      const plain = withoutHistory(rest);
      if (kind === 'rule') listing.set(key, [...((listing.get(key) as unknown[]) ?? []), plain]);
      else listing.set(key, plain);
    }
  }
  return new Map([...listing].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Named {
  readonly name?: string;
  readonly chain?: string;
}

function withoutHistory(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHistory);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => {
      if (key === 'handle') return [];
      if (key === 'counter') return [[key, 'counted']];
      const plain = withoutHistory(part);
      return [[key, (key === 'elem' || key === 'set') && Array.isArray(plain) ? sorted(plain) : plain]];
    }),
  );
}

function sorted(parts: readonly unknown[]): readonly unknown[] {
  const text = (part: unknown): string => JSON.stringify(part);
  return [...parts].sort((a, b) => (text(a) < text(b) ? -1 : 1));
}
