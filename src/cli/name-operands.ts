/**
 * Operands that name resources: a kind in any of its spellings, then names.
 *
 *   gnp a b → GlobalNetworkPolicy a, b
 */
import type { Command } from 'commander';
import { findKind, type KindEntry, kinds } from '../resources/kinds.ts';
import type { ResourceName } from '../store/keys.ts';
import { failUsage } from './cli.ts';

/** The kind a user means; a usage error with the nearest known words when there is none. `kind/name` is not split here. */
export function requireKind(command: Command, word: string): KindEntry {
  const entry = findKind(word);
  if (entry !== undefined) return entry;
  const near = nearestKind(word);
  const hint = near === undefined ? `kinds are ${kinds.map(({ kind }) => kind).join(', ')}` : `did you mean ${near}?`;
  return failUsage(command, `unknown kind '${word}': ${hint}`);
}

/** Names of one kind; namespaced ones in `namespace`, which for the others must not be given. */
export function namesOf(entry: KindEntry, names: readonly string[], namespace: string | undefined): ResourceName[] {
  return [...new Set(names)].map((name) =>
    entry.namespaced ? { kind: entry.kind, namespace: namespace ?? 'default', name } : { kind: entry.kind, name },
  );
}

/** Refuses `-n` on a kind that has no namespaces (semantics §7.3). */
export function checkNamespace(command: Command, entry: KindEntry, namespace: string | undefined): void {
  if (namespace !== undefined && !entry.namespaced) {
    failUsage(command, `${entry.kind} is cluster-wide and has no namespace: leave -n out`);
  }
}

function nearestKind(word: string): string | undefined {
  const wanted = word.toLowerCase();
  const words = kinds.flatMap(({ kind, plural, aliases }) =>
    [kind, plural, ...aliases].map((each) => [each, kind] as const),
  );
  const ranked = words
    .map(([spelling, kind]) => ({ kind, far: distance(wanted, spelling.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const [best] = ranked;
  return best && best.far <= Math.max(1, Math.floor(wanted.length / 4)) ? best.kind : undefined;
}

/** Levenshtein's, of short words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
