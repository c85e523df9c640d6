/**
 * Routes as the kernel of each node holds them, against the ones the lab file expects.
 *
 * Next hops are compared as nodes: an IPv6 next hop is a link-local address as often as not, and whose it is is what counts.
 */
import { mapLimited } from '../eventually.ts';
import { mustRun } from '../sandbox/run.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Lab } from '../topology/lab-file.ts';
import type { RouteCheck } from '../topology/lab-schema.ts';

export interface NextHop {
  readonly gateway: string | undefined;
  readonly device: string | undefined;
}

export interface LabRoute {
  /** `address/length`, or `default`. */
  readonly prefix: string;
  readonly family: 4 | 6;
  readonly protocol: string;
  readonly nextHops: readonly NextHop[];
}

export interface RouteRow {
  readonly check: RouteCheck;
  /** Nodes the next hops belong to, or bare next hops that belong to none; empty without a route. */
  readonly via: readonly string[];
  /** Devices of the next hops. */
  readonly by: readonly string[];
  readonly passed: boolean;
}

/** Which node has an address; link-local ones included. */
export type Owners = ReadonlyMap<string, string>;

export async function readRouteChecks(
  lab: Lab,
  sandbox: Sandbox,
  owners: Owners,
  checks: readonly RouteCheck[] = lab.spec.checks.routes,
): Promise<readonly RouteRow[]> {
  const nodes = [...new Set(checks.map((check) => check.on))];
  const tables = new Map(await mapLimited(nodes, 2, async (node) => [node, await readRoutes(sandbox, node)] as const));
  return checks.map((check) => {
    const wanted = check.prefix === '0.0.0.0/0' || check.prefix === '::/0' ? 'default' : check.prefix;
    const family = check.prefix.includes(':') ? 6 : 4;
    const found = (tables.get(check.on) ?? []).filter((route) => route.prefix === wanted && route.family === family);
    const hops = found.flatMap((route) => route.nextHops);
    const via = hops
      .map((hop) => (hop.gateway === undefined ? `dev ${hop.device ?? '?'}` : (owners.get(hop.gateway) ?? hop.gateway)))
      .sort();
    const by = hops.map(({ device }) => device ?? '?').sort();
    const isBy = check.by === undefined || by.join() === [...check.by].sort().join();
    return { check, via, by, passed: isBy && via.join() === [...check.via].sort().join() };
  });
}

/** The main table of a node, both families, without the kernel's own connected routes. */
export async function readRoutes(sandbox: Sandbox, node: string): Promise<readonly LabRoute[]> {
  const tables = await Promise.all(
    ([4, 6] as const).map(async (family) => {
      const text = await mustRun(sandbox, ['ip', '-json', `-${family}`, 'route', 'show'], { node });
      return (JSON.parse(text || '[]') as IpRoute[])
        .filter((route) => route.protocol !== 'kernel')
        .map(
          (route): LabRoute => ({
            prefix:
              route.dst === 'default' || route.dst.includes('/')
                ? route.dst
                : `${route.dst}/${family === 4 ? 32 : 128}`,
            family,
            protocol: route.protocol ?? '',
            nextHops: (route.nexthops ?? [route]).map((hop) => ({
              gateway: hop.gateway ?? hop.via?.host,
              device: hop.dev ?? route.type,
            })),
          }),
        );
    }),
  );
  return tables.flat();
}

/** Addresses of every node, as their kernels have them. */
export async function readOwners(lab: Lab, sandbox: Sandbox): Promise<Owners> {
  const lists = await mapLimited(Object.keys(lab.spec.nodes), 4, async (node) => {
    const text = await mustRun(sandbox, ['ip', '-json', 'address', 'show'], { node });
    return (JSON.parse(text) as { addr_info?: { local?: string }[] }[])
      .flatMap((link) => link.addr_info ?? [])
      .flatMap(({ local }): [string, string][] => (local === undefined ? [] : [[local, node]]));
  });
  return new Map(lists.flat());
}

interface IpHop {
  readonly gateway?: string;
  readonly via?: { readonly host?: string };
  readonly dev?: string;
}

interface IpRoute extends IpHop {
  readonly dst: string;
  readonly type?: string;
  readonly protocol?: string;
  readonly nexthops?: readonly IpHop[];
}
