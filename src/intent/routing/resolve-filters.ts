/**
 * BGPFilters that a router's sessions name.
 *
 *   Snapshot, SessionIntent[] → [resolve-filters] → RoutingIntent.filters
 *
 * Invariant: a name that leads nowhere stays missing, and the compiled session then rejects whatever reaches it.
 */
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { FilterIntent, SessionIntent } from './routing-intent.ts';

/** Sorted by name; each missing filter is warned of once for each resource that names it. */
export function resolveFilters(
  snapshot: Snapshot,
  sessions: readonly SessionIntent[],
  warnings: Warning[],
): ReadonlyMap<string, FilterIntent> {
  const names = new Set(sessions.flatMap(filtersOf));
  const filters = new Map<string, FilterIntent>();
  for (const name of [...names].sort()) {
    const spec = snapshot.find('BGPFilter', name)?.spec;
    if (!spec) {
      warnMissing(name, sessions, warnings);
      continue;
    }
    const { importV4 = [], exportV4 = [], importV6 = [], exportV6 = [] } = spec;
    filters.set(name, { name, rules: { importV4, exportV4, importV6, exportV6 } });
  }
  return filters;
}

function filtersOf({ channels }: SessionIntent): string[] {
  return channels.flatMap((channel) => [...channel.import.filters, ...channel.export.filters]);
}

function warnMissing(name: string, sessions: readonly SessionIntent[], warnings: Warning[]): void {
  const namedBy = new Set(
    sessions.filter((session) => filtersOf(session).includes(name)).map((session) => session.origin),
  );
  for (const subject of namedBy) {
    warnings.push({
      code: 'missing-filter',
      subject,
      path: subject?.kind === 'Attachment' ? ['spec', 'bgp'] : ['spec', 'filters'],
      message: `there is no BGPFilter ${name}, so every route that reaches it is refused: create it or take the name out`,
    });
  }
}
