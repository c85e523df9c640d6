/**
 * Where the outer packets of tunnels go: a route table of their own, so that a tunnel can never go through itself, whatever BGP
 * says.
 *
 *   tunnels, routes that nobody learned ─[underlayRoutes]→ UnderlayRoute[] → table 7300
 *
 * In it are the host's own routes, without those of BIRD and those over tunnels; a tunnel that is said to go over another
 * Attachment has a route of its own over that. All else is unreachable.
 * Invariant: pure; sorted, each once. What goes over an Attachment goes over nothing else while that is away.
 */
import type { LinkIntent } from '../intent/links/links-intent.ts';
import { type Address, type Family, printAddress } from '../net/address.ts';
import { containsPrefix, equalPrefixes, hostPrefix, type Prefix, parsePrefix, printPrefix } from '../net/prefix.ts';
import type { IpNextHop, IpRoute } from './ip-route.ts';

export type TunnelIntent = Extract<LinkIntent, { kind: 'ipsec' | 'wireguard' }>;

/** As the kernel has it; its next hops are one device each, some with a gateway. */
export interface UnderlayRoute {
  readonly family: Family;
  readonly prefix: Prefix;
  /** Undefined for a route that makes its prefix unreachable. */
  readonly nextHop:
    | { readonly device: string; readonly gateway: string | undefined; readonly isOnlink: boolean }
    | undefined;
  /** The address that packets are sent from. */
  readonly source: string | undefined;
  readonly metric: number;
}

const everywhere: readonly Prefix[] = ['0.0.0.0/0', '::/0'].map((text) => parsePrefix(text) as Prefix);
const linkLocal = parsePrefix('fe80::/10') as Prefix;
/** Before what the host has for the same prefix, and after everything. */
const metrics = { pinned: 1, last: 4_294_967_295 } as const;

/** `own` are the host's routes that BIRD did not write. No tunnels, no routes. */
export function underlayRoutes(
  tunnels: readonly TunnelIntent[],
  own: readonly UnderlayRoute[],
): readonly UnderlayRoute[] {
  if (tunnels.length === 0) return [];
  const inside = new Set(tunnels.map(({ interfaceName }) => interfaceName));
  const copied = own.filter(
    ({ prefix, nextHop }) => !(nextHop && inside.has(nextHop.device)) && !containsPrefix(linkLocal, prefix),
  );
  const routes = [...copied, ...tunnels.flatMap(pinnedRoutes), ...everywhere.map(unreachable)];
  const byText = new Map(routes.map((route) => [printRoute(route), route]));
  return [...byText.keys()].sort().map((text) => byText.get(text) as UnderlayRoute);
}

/** One route in the words of `ip route add`, without the table. */
export function printRoute({ family, prefix, nextHop, source, metric }: UnderlayRoute): string {
  const words = nextHop ? [printPrefix(prefix)] : ['unreachable', printPrefix(prefix)];
  if (nextHop?.gateway !== undefined) words.push('via', ...viaWords(family, nextHop.gateway));
  if (nextHop) words.push('dev', nextHop.device);
  if (source !== undefined) words.push('src', source);
  if (metric !== 0) words.push('metric', `${metric}`);
  if (nextHop?.isOnlink) words.push('onlink');
  return words.join(' ');
}

function viaWords(family: Family, gateway: string): readonly string[] {
  return family === 4 && gateway.includes(':') ? ['inet6', gateway] : [gateway];
}

/**
 * The gateway has a route of its own: it is where the Attachment says, wherever BGP says it is. IPv6 asks the main table where the
 * gateway of a route marked `onlink` is, and refuses the route over any other device; of a route without that mark, this table.
 */
function pinnedRoutes(tunnel: TunnelIntent): readonly UnderlayRoute[] {
  const { underlay } = tunnel;
  if (!underlay) return [];
  const device = underlay.interfaceName;
  const over = (prefix: Prefix, gateway?: Address): UnderlayRoute => ({
    family: prefix.family,
    prefix,
    nextHop: { device, gateway: gateway && printAddress(gateway), isOnlink: false },
    source: undefined,
    metric: metrics.pinned,
  });
  return peersOf(tunnel).flatMap((prefix) => {
    const gateway = underlay.gateways.find(({ family }) => family === prefix.family);
    if (!gateway) return [over(prefix), unreachable(prefix)];
    const link = over(hostPrefix(gateway));
    return equalPrefixes(link.prefix, prefix)
      ? [link, unreachable(prefix)]
      : [link, over(prefix, gateway), unreachable(prefix)];
  });
}

/** Where packets of the tunnel may be sent to. */
function peersOf(tunnel: TunnelIntent): readonly Prefix[] {
  switch (tunnel.kind) {
    case 'ipsec':
      return [hostPrefix(tunnel.remoteAddress)];
    case 'wireguard': {
      const { endpoint, allowFrom } = tunnel.peer;
      const roams = allowFrom.length > 0 ? allowFrom : endpoint ? [] : everywhere;
      return endpoint ? [hostPrefix(endpoint.address), ...roams] : roams;
    }
  }
}

function unreachable(prefix: Prefix): UnderlayRoute {
  return { family: prefix.family, prefix, nextHop: undefined, source: undefined, metric: metrics.last };
}

/**
 * One route of `ip -json route show`; undefined for what is no unicast or unreachable route. Of several next hops the first that
 * carries: all of a tunnel's packets would take one way anyhow.
 */
export function parseRoute(route: IpRoute, family: Family): UnderlayRoute | undefined {
  const text = route.dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : route.dst;
  const prefix = parsePrefix(text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`);
  const type = route.type ?? 'unicast';
  const hop = route.nexthops?.find(carries) ?? route.nexthops?.[0] ?? route;
  if (!prefix || (type !== 'unicast' && type !== 'unreachable')) return undefined;
  const metric = route.metric ?? 0;
  if (type === 'unreachable') return { family, prefix, nextHop: undefined, source: undefined, metric };
  if (hop.dev === undefined) return undefined;
  const isOnlink = [...(hop.flags ?? []), ...(route.flags ?? [])].includes('onlink');
  const nextHop = { device: hop.dev, gateway: hop.gateway ?? hop.via?.host, isOnlink };
  return { family, prefix, nextHop, source: route.prefsrc, metric };
}

function carries({ flags = [] }: IpNextHop): boolean {
  return !flags.includes('dead') && !flags.includes('linkdown');
}
