/**
 * Routes as a person wants to see them: the RIB's entry beside what the kernel forwards with.
 *
 *   RibEntry[], KernelRoute[] ─[routesView]→ RouteView[]
 */
import type { KernelRoute } from '../agent/ports.ts';
import type { RibEntry } from '../bird/daemon.ts';
import { refusalOf } from '../bird/route-facts.ts';
import { refusalSentences } from '../intent/routing/refusal-reasons.ts';
import { comparePrefixes, parsePrefix } from '../net/prefix.ts';

export interface RouteView {
  /** `address/length`. */
  readonly prefix: string;
  /** In the RIB, best first; empty for a route that only the kernel knows. */
  readonly rib: readonly RouteEntry[];
  /** What the kernel's main table holds for it; null when it forwards without it. */
  readonly kernel: {
    readonly protocol: string;
    readonly metric: number;
    readonly nextHops: KernelRoute['nextHops'];
  } | null;
}

export interface RouteEntry extends RibEntry {
  /** Why our import filter refused it; null for a route that it accepted. */
  readonly refused: string | null;
}

/** `localAs` is that of the reasons on refused routes. */
export function routesView(
  rib: readonly RibEntry[],
  kernel: readonly KernelRoute[],
  localAs: number | undefined,
): RouteView[] {
  const ribByPrefix = new Map<string, RouteEntry[]>();
  for (const each of rib) {
    const refusal = localAs === undefined ? undefined : refusalOf(each, localAs);
    const entry = { ...each, refused: refusal ? refusalSentences[refusal.reason] : null };
    const entries = ribByPrefix.get(entry.prefix);
    if (entries) entries.push(entry);
    else ribByPrefix.set(entry.prefix, [entry]);
  }
  const kernelByPrefix = new Map(
    kernel.toSorted((a, b) => b.metric - a.metric).map((route): [string, KernelRoute] => [route.prefix, route]),
  );
  const prefixes = [...new Set([...ribByPrefix.keys(), ...kernelByPrefix.keys()])].sort(comparePrefixTexts);
  return prefixes.map((prefix) => {
    const route = kernelByPrefix.get(prefix);
    return {
      prefix,
      rib: ribByPrefix.get(prefix) ?? [],
      kernel: route ? { protocol: route.protocol, metric: route.metric, nextHops: route.nextHops } : null,
    };
  });
}

function comparePrefixTexts(a: string, b: string): number {
  const [left, right] = [parsePrefix(a), parsePrefix(b)];
  return left && right ? comparePrefixes(left, right) : a < b ? -1 : 1;
}
