/**
 * Large communities of our own (RFC 8092): `(local AS, function, parameter)`.
 *
 *   import filter ─[adds, then rejects]→ kept route of BIRD ─[readRefusal]→ Refusal → routes, explain route, looking glasses
 *
 * BIRD keeps a refused route as the filter left it, so the reason is told by the route itself, to everybody who can read
 * BIRD. Invariant: a code never changes its meaning; routes that are passed on carry no reason.
 */
import { contentNumber } from '../../net/content-hash.ts';

/** Function of a Site's mark; the parameter is its id. */
export const siteMarkFunction = 1;

export const refusalCodes = {
  outsideSite: 1001,
  otherSite: 1002,
  bogon: 1003,
  ownPrefix: 1004,
  pathTooLong: 1005,
  ownRoute: 1006,
  defaultRoute: 1007,
  firstAs: 1008,
  /** The parameter is the hash of the filter's name; its rule comes with the next one. */
  filter: 1010,
  filterRule: 1011,
  hook: 1012,
} as const;

export type RefusalReason = Exclude<keyof typeof refusalCodes, 'filterRule'>;

/** Codes from here to `lastRefusalCode` are reasons. */
export const firstRefusalCode = 1000;
export const lastRefusalCode = 1099;

/** Rule of a filter that does not exist. */
export const missingFilterRule = 0xffffffff;

/** For people; each goes on from "refused: ". */
export const refusalSentences: Readonly<Record<RefusalReason, string>> = {
  outsideSite: 'no Site at this end declares the prefix',
  otherSite: 'the prefix belongs to another Site',
  bogon: 'special-purpose addresses are never learned (RFC 6890)',
  ownPrefix: "the prefix lies in the router's own subnets",
  pathTooLong: 'the AS path is too long',
  ownRoute: 'it is a route of our own that came back',
  defaultRoute: 'a default route is not admitted here',
  firstAs: "the first AS of the path is not the peer's",
  filter: 'a BGPFilter refused it',
  hook: "a function of the user's own BIRD text refused it",
};

export interface Refusal {
  readonly reason: RefusalReason;
  /** Of `filter`: hash of the filter's name, and the rule's index; undefined where the filter does not exist. */
  readonly filter?: { readonly hash: number; readonly rule: number | undefined };
}

/** 32 bits. */
export function filterNameHash(name: string): number {
  return contentNumber(`BGPFilter/${name}`);
}

/** Undefined for a route that carries no reason of ours. `communities` as `[AS, function, parameter]`. */
export function readRefusal(
  communities: readonly (readonly [number, number, number])[],
  localAs: number,
): Refusal | undefined {
  const ours = new Map(communities.filter(([as]) => as === localAs).map(([, code, parameter]) => [code, parameter]));
  const reasons = Object.keys(refusalSentences) as RefusalReason[];
  const reason = reasons.find((one) => ours.has(refusalCodes[one]));
  if (reason !== 'filter') return reason && { reason };
  const rule = ours.get(refusalCodes.filterRule);
  return {
    reason,
    filter: {
      hash: ours.get(refusalCodes.filter) ?? 0,
      rule: rule === missingFilterRule ? undefined : rule,
    },
  };
}
