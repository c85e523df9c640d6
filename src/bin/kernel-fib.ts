/**
 * The kernel's routes and addresses, as packets are judged by.
 *
 *   ip route, ip address → Fib
 */
import type { Host, HostError, KernelRoute } from '../agent/ports.ts';
import type { PrefixBound } from '../intent/routing/routing-intent.ts';
import { parsePrefix } from '../net/prefix.ts';
import { ok, type Result } from '../result.ts';
import { type Fib, type FibEntry, makeFib } from '../verdict/fib.ts';

/** `confinement`: what no default route carries there. */
export async function readKernelFib(host: Host, confinement?: PrefixBound): Promise<Result<Fib, HostError>> {
  const [routes, interfaces] = await Promise.all([host.routes(), host.interfaces()]);
  if (!routes.ok) return routes;
  if (!interfaces.ok) return interfaces;
  const locals = interfaces.value.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  return ok(makeFib(routes.value.flatMap(fibEntries), locals, confinement));
}

/** The first of several paths stands for all; of two routes for one prefix the kernel's better one is listed first. */
function fibEntries(route: KernelRoute): FibEntry[] {
  const prefix = parsePrefix(route.prefix);
  const outbound = route.nextHops[0]?.device;
  return prefix && outbound !== undefined ? [{ prefix, outbound }] : [];
}
