/**
 * Which Sites may learn each other's routes.
 *
 *   Site.segment, Segment ─[resolve]→ exchangesWith(siteA, siteB)
 *
 * Invariant: symmetric, and false wherever a name leads nowhere: a Site whose Segment does not exist exchanges with none,
 * because nobody can say whether that Segment was to be isolated.
 */
import type { Resource } from '../../resources/resource.ts';
import type { Snapshot } from '../../resources/snapshot.ts';
import type { Warning } from '../router-intent.ts';
import type { SiteFacts } from './topology.ts';

/** The name of the segment of Sites that name none; its Sites exchange among themselves. */
export const unnamedSegment = '';

export interface Exchange {
  exchangesWith(siteA: string, siteB: string): boolean;
  readonly warnings: readonly Warning[];
}

/** Sites of one segment exchange unless it is isolated; those of two segments only when each names the other. */
export function resolveExchange(snapshot: Snapshot, sites: readonly SiteFacts[]): Exchange {
  const segments = new Map(snapshot.list('Segment').map((segment) => [segment.metadata.name, segment]));
  const segmentOf = new Map(sites.map((site) => [site.name, site.segment]));
  return {
    exchangesWith: (siteA, siteB) => {
      const segmentA = segmentOf.get(siteA);
      const segmentB = segmentOf.get(siteB);
      if (siteA === siteB || segmentA === undefined || segmentB === undefined) return false;
      if (segmentA !== segmentB) return names(segments, segmentA, segmentB) && names(segments, segmentB, segmentA);
      return segmentA === unnamedSegment || isOpen(segments, segmentA);
    },
    warnings: [...warnOfMissingSegments(sites, segments), ...warnOfOneSidedExchange(segments)],
  };
}

type Segments = ReadonlyMap<string, Resource<'Segment'>>;

function isOpen(segments: Segments, name: string): boolean {
  const segment = segments.get(name);
  return segment !== undefined && segment.spec.isolated !== true;
}

function names(segments: Segments, from: string, to: string): boolean {
  return segments.get(from)?.spec.exchangeWith?.includes(to) ?? false;
}

function warnOfMissingSegments(sites: readonly SiteFacts[], segments: Segments): Warning[] {
  return sites
    .filter((site) => site.segment !== unnamedSegment && !segments.has(site.segment))
    .map((site) => ({
      code: 'missing-segment',
      subject: site.resource,
      path: ['spec', 'segment'],
      message: `Segment ${site.segment} does not exist: the Site exchanges routes with no other Site until it does`,
    }));
}

function warnOfOneSidedExchange(segments: Segments): Warning[] {
  const warnings: Warning[] = [];
  for (const [name, segment] of segments) {
    for (const [i, peer] of (segment.spec.exchangeWith ?? []).entries()) {
      if (peer === name || names(segments, peer, name)) continue;
      warnings.push({
        code: segments.has(peer) ? 'one-sided-exchange' : 'missing-segment',
        subject: segment,
        path: ['spec', 'exchangeWith', i],
        message: segments.has(peer)
          ? `Segment ${peer} does not name ${name}: nothing is exchanged until both name each other`
          : `Segment ${peer} does not exist: nothing is exchanged with it`,
      });
    }
  }
  return warnings;
}
