/**
 * A policy that was resolved again, with the objects of before wherever they say the same.
 *
 *   PolicyIntent of before, PolicyIntent ─[keepParts]→ PolicyIntent, of which only what differs is new
 *
 * Invariant: what is returned says what `after` says; endpoints, failsafes, clamps and maps that say what those of before did are
 * those. Rules and sets come here kept already (see rules-memory.ts and used-sets.ts).
 */
import { sameItems, sameValue } from '../../net/same-value.ts';
import type { EndpointIntent, PolicyIntent } from './policy-intent.ts';

/** The same policy with the objects of before wherever they say the same. */
export function keepParts(before: PolicyIntent | undefined, after: PolicyIntent): PolicyIntent {
  if (!before) return after;
  const { mssClamps, pairInterfaces } = after;
  return {
    ...after,
    ...(mssClamps && { mssClamps: sameValue(before.mssClamps, mssClamps) ? before.mssClamps : mssClamps }),
    ...(pairInterfaces && {
      pairInterfaces: sameValue(before.pairInterfaces, pairInterfaces) ? before.pairInterfaces : pairInterfaces,
    }),
    failsafes: sameValue(before.failsafes, after.failsafes) ? before.failsafes : after.failsafes,
    endpoints: keepEndpoints(before.endpoints, after.endpoints),
    policies: keepMap(before.policies, after.policies),
    profiles: keepMap(before.profiles, after.profiles),
    addressSets: keepMap(before.addressSets, after.addressSets),
    portSets: keepMap(before.portSets, after.portSets),
  };
}

function keepEndpoints(before: readonly EndpointIntent[], after: readonly EndpointIntent[]): readonly EndpointIntent[] {
  const known = new Map(before.map((endpoint) => [endpoint.name, endpoint]));
  const compared = new Map<
    EndpointIntent['tiers'],
    { readonly to: EndpointIntent['tiers']; readonly isSame: boolean }
  >();
  /** Endpoints share their tiers, so that most pairs are one pair. */
  const sameTiers = (a: EndpointIntent['tiers'], b: EndpointIntent['tiers']): boolean => {
    if (a === b) return true;
    const last = compared.get(a);
    if (last?.to === b) return last.isSame;
    const isSame = sameValue(a, b);
    compared.set(a, { to: b, isSame });
    return isSame;
  };
  const kept = after.map((endpoint) => {
    const old = known.get(endpoint.name);
    const { tiers, ...rest } = endpoint;
    return old && sameTiers(old.tiers, tiers) && sameValue({ ...old, tiers: undefined }, rest) ? old : endpoint;
  });
  return sameItems(before, kept) ? before : kept;
}

function keepMap<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  if (before === after || before.size !== after.size) return after;
  for (const [key, value] of after) if (before.get(key) !== value) return after;
  return before;
}
