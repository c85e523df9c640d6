/**
 * The numbers by which Sites are marked in large communities.
 *
 *   Topology.sites → [site-marks] → SiteMark → ImportIntent.origin, ExportIntent.origin
 *
 * Invariant: two Sites never share a number, and every router that sees the same Sites gives them the same ones.
 */
import { contentNumber } from '../../net/content-hash.ts';
import type { Warning } from '../router-intent.ts';
import type { SiteFacts } from '../topology/topology.ts';
import type { SiteMark } from './routing-intent.ts';

export type SiteMarks = ReadonlyMap<string, SiteMark>;

/**
 * By name of the Site. Of Sites whose names have one number, the first by name keeps it and the others take that of their
 * name with a suffix, so that none is taken for another; `numberOf` is 32 bits of a hash.
 */
export function resolveSiteMarks(
  sites: readonly Pick<SiteFacts, 'name' | 'resource'>[],
  warnings: Warning[],
  numberOf: (text: string) => number = contentNumber,
): SiteMarks {
  const marks = new Map<string, SiteMark>();
  const ownerOf = new Map<number, string>();
  for (const { name, resource } of sites) {
    let id = numberOf(name);
    const owner = ownerOf.get(id);
    for (let attempt = 1; ownerOf.has(id); attempt++) id = numberOf(`${name}#${attempt}`);
    ownerOf.set(id, name);
    marks.set(name, { site: name, id });
    if (owner === undefined) continue;
    warnings.push({
      code: 'site-mark-shared',
      subject: resource,
      path: ['metadata', 'name'],
      message: `the names of Sites ${owner} and ${name} have one number as a community, so ${name} is marked ${id}; rename one to keep its mark whatever other Sites there are`,
    });
  }
  return marks;
}
