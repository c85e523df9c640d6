/**
 * Why BIRD prefers one route over another for the same prefix.
 *
 *   RibEntry, RibEntry ─[whyBetter]→ BestStep → explain route
 *
 * BIRD's order (RFC 4271 §9.1.2.2, rt-attr.c): preference, LOCAL_PREF, length of the AS path, ORIGIN, MED between routes of
 * one neighbor AS, external before internal, router id (RFC 4456: the originator's), length of the cluster list, neighbor
 * address. The cost of reaching the next hop is not shown by attributes, so two internal routes may differ by it unseen.
 */
import type { RibEntry } from './daemon.ts';

export interface BestStep {
  readonly step:
    | 'preference'
    | 'local-pref'
    | 'as-path-length'
    | 'origin'
    | 'med'
    | 'external'
    | 'next-hop-or-router-id';
  /** For people: "LOCAL_PREF 200 over 100". */
  readonly sentence: string;
}

/** RFC 4271: LOCAL_PREF where none is told, and the MED of a route without one. */
const defaultLocalPref = 100;
const defaultMed = 0;

/**
 * The first step in which the two differ: what the first is better by, as BIRD has it. `isExternal` tells by a protocol's name
 * whether the route was learned over eBGP.
 */
export function whyBetter(better: RibEntry, worse: RibEntry, isExternal: (protocol: string) => boolean): BestStep {
  const differ = (step: BestStep['step'], name: string, left: number | string, right: number | string) =>
    left === right ? undefined : { step, sentence: `${name} ${left} over ${right}` };
  const isOfOneNeighbor = neighborAs(better) === neighborAs(worse);
  const [isOuter, isOuterToo] = [isExternal(better.protocol), isExternal(worse.protocol)];
  return (
    differ('preference', "BIRD's preference", better.preference, worse.preference) ??
    differ('local-pref', 'LOCAL_PREF', localPref(better), localPref(worse)) ??
    differ('as-path-length', 'AS path of length', pathLength(better), pathLength(worse)) ??
    differ('origin', 'ORIGIN', origin(better), origin(worse)) ??
    (isOfOneNeighbor ? differ('med', 'MED', med(better), med(worse)) : undefined) ??
    (isOuter === isOuterToo ? undefined : ({ step: 'external', sentence: reachSentence(isOuter) } as const)) ?? {
      step: 'next-hop-or-router-id',
      sentence: 'equal up to MED: the cost of the next hop, the lower router id or the lower neighbor address',
    }
  );
}

function reachSentence(isOuter: boolean): string {
  return isOuter ? 'learned over eBGP, the other over iBGP' : 'learned over iBGP, the other over eBGP';
}

function localPref(entry: RibEntry): number {
  return numberOr(entry.attributes['BGP.local_pref'], defaultLocalPref);
}

function med(entry: RibEntry): number {
  return numberOr(entry.attributes['BGP.med'], defaultMed);
}

/** Of a path with sets, `{1 2}`, each set counts once (RFC 4271 §9.1.2.2). */
function pathLength(entry: RibEntry): number {
  const path = entry.attributes['BGP.as_path'] ?? '';
  return (path.replaceAll(/\{[^}]*\}/g, 'set').match(/\S+/g) ?? []).length;
}

function neighborAs(entry: RibEntry): string {
  return /^\d+/.exec(entry.attributes['BGP.as_path'] ?? '')?.[0] ?? '';
}

function origin(entry: RibEntry): string {
  return entry.attributes['BGP.origin'] ?? 'IGP';
}

function numberOr(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : otherwise;
}
