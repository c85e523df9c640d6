/**
 * Routes as `ip -json route show` has them, and whose they are.
 *
 * Invariant: what we write into tables of our own carries `ownProtocol`; what does not is somebody else's.
 */
import type { Family } from '../net/address.ts';

/** Number that says who made a route or a rule: rtnetlink.h leaves those from 5 up to whoever takes them. */
export const ownProtocol = 73;

/** Every route table of ours, in one place so that no two are one. */
export const ownTables = {
  /** Outer packets of tunnels. */
  outer: 7300,
  /** What no default route may carry. */
  confined: 7301,
  /** What charon's ESP in user space writes for itself, and nothing looks at. */
  unused: 7302,
} as const;

export interface IpNextHop {
  readonly dev?: string;
  readonly gateway?: string;
  /** Of the other family. */
  readonly via?: { readonly host?: string };
  readonly flags?: readonly string[];
}

export interface IpRoute extends IpNextHop {
  /** Absent for unicast. */
  readonly type?: string;
  /** A name of rt_protos, or the number. */
  readonly protocol?: string;
  readonly dst: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly nexthops?: readonly IpNextHop[];
}

/** Of a route in a table of ours: whether somebody else made it. */
export function isForeign({ protocol }: IpRoute): boolean {
  return protocol !== `${ownProtocol}`;
}

/** Why a table of ours is not used as long as such a route is in it; `followers`: the packets that would go by it. */
export function foreignReason(table: number, family: Family, { dst }: IpRoute, followers: string): string {
  const remedy = `use another table, and then: ip -${family} route flush table ${table}`;
  return `route table ${table} has routes of somebody else's, as to ${dst}, which ${followers} would follow: ${remedy}`;
}
