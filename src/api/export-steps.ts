/**
 * What stands between a route and one peer, in BIRD's order.
 *
 *   RouteFacts, SessionIntent ─[exportSteps]→ ExportStep[] → route-explanation, route-forecast
 *
 * Invariant: the export filter that is walked is the one that BIRD is given; what only BIRD can tell is `opaque`.
 */
import { compileExport } from '../bird/compile-export.ts';
import type { BirdFunction } from '../bird/config.ts';
import { evaluateFilter, type RouteFacts } from '../bird/evaluate.ts';
import { isInternal, type RoutingIntent, type SessionIntent } from '../intent/routing/routing-intent.ts';

export interface ExportStep {
  readonly step: 'own' | 'ibgp' | 'community' | 'export';
  readonly outcome: 'passes' | 'stops' | 'opaque';
  readonly sentence: string;
}

/** `from` is the session that told the route; undefined for a route of the router itself. Ends with the first that stops it. */
export function* exportSteps(
  routing: RoutingIntent,
  functions: ReadonlyMap<string, BirdFunction>,
  from: SessionIntent | undefined,
  peer: SessionIntent,
  route: RouteFacts,
): Generator<ExportStep> {
  if (from?.name === peer.name) {
    yield { step: 'own', outcome: 'stops', sentence: 'it was learned from this very peer' };
    return;
  }
  if (from && isInternal(from) && isInternal(peer) && !from.rrClient && !peer.rrClient) {
    yield { step: 'ibgp', outcome: 'stops', sentence: 'what iBGP told is not told to iBGP again (RFC 4271 §9.2)' };
    return;
  }
  const kept = keptBack(route, peer);
  if (kept !== undefined) {
    yield { step: 'community', outcome: 'stops', sentence: `it carries the community ${kept} (RFC 1997)` };
    return;
  }
  const { family } = route.prefix;
  const channel = peer.channels.find((one) => one.family === family);
  if (!channel) {
    yield { step: 'export', outcome: 'stops', sentence: `the session carries no IPv${family}` };
    return;
  }
  const outcome = evaluateFilter(compileExport(peer, channel, routing), functions, route);
  switch (outcome.kind) {
    case 'accepted':
      yield { step: 'export', outcome: 'passes', sentence: 'its export filter lets it through' };
      return;
    case 'refused':
      yield { step: 'export', outcome: 'stops', sentence: outcome.because ?? 'its export filter refuses it' };
      return;
    case 'opaque': {
      const sentence = `the function ${outcome.hook} of your own BIRD text decides, which only BIRD can tell`;
      yield { step: 'export', outcome: 'opaque', sentence };
    }
  }
}

/** BIRD asks these before any filter; confederations are none of ours, so that NO_EXPORT_SUBCONFED keeps to the AS too. */
function keptBack({ communities }: RouteFacts, peer: SessionIntent): string | undefined {
  const has = (value: number): boolean => communities.some((one) => one.join() === `65535,${value}`);
  if (has(65282)) return 'no-advertise';
  if (isInternal(peer)) return undefined;
  if (has(65281)) return 'no-export';
  return has(65283) ? 'no-export-subconfed' : undefined;
}
