/**
 * How often each rule decided, read from the kernel's listing.
 *
 *   nft JSON ─[readCounters]→ packets and bytes by comment
 *
 * Invariant: a rule may stand in several chains and maps (one for each stage and family): its counters add up.
 */
export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** By rule or element comment, which is `Kind/name ingress[0]` for a policy's rule. Any text gives an answer. */
export function readCounters(jsonText: string): ReadonlyMap<string, PacketCount> {
  const counts = new Map<string, PacketCount>();
  function count(comment: unknown, counter: unknown): void {
    if (typeof comment !== 'string' || typeof counter !== 'object' || counter === null) return;
    const { packets, bytes } = counter as Partial<PacketCount>;
    if (typeof packets !== 'number' || typeof bytes !== 'number') return;
    const before = counts.get(comment) ?? { packets: 0, bytes: 0 };
    counts.set(comment, { packets: before.packets + packets, bytes: before.bytes + bytes });
  }
  for (const entry of listing(jsonText)) {
    for (const expression of entry.rule?.expr ?? []) {
      if (expression.counter !== undefined) count(entry.rule?.comment, expression.counter);
    }
    for (const element of entry.map?.elem ?? []) {
      const { elem } = (Array.isArray(element) ? element[0] : {}) as {
        elem?: { comment?: unknown; counter?: unknown };
      };
      if (elem !== undefined) count(elem.comment, elem.counter);
    }
  }
  return counts;
}

interface ListedObject {
  readonly rule?: { readonly comment?: unknown; readonly expr?: readonly { readonly counter?: unknown }[] };
  readonly map?: { readonly elem?: readonly unknown[] };
}

function listing(jsonText: string): readonly ListedObject[] {
  try {
    const parsed = JSON.parse(jsonText) as { nftables?: readonly ListedObject[] };
    return Array.isArray(parsed.nftables) ? parsed.nftables : [];
  } catch {
    return [];
  }
}
