/**
 * What a Calico node announces by Calico's own export policy: pools, blocks and services, in its order (semantics §5.5).
 *
 *   SessionIntent, RoutingIntent → [compile-calico-export] → statements, after the filters of the session
 *
 * What it does not accept falls to the reject that stands behind it.
 */
import { isInternal, type RoutingIntent, type SessionIntent } from '../intent/routing/routing-intent.ts';
import type { Family } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { addCommunities } from './communities.ts';
import type { BirdCondition, BirdStatement } from './config.ts';
import { accept, andLonger, exactly, netIn, reject, when } from './statements.ts';

/** `finish` is what is done to a route before it is accepted. */
export function compileCalicoExport(
  session: SessionIntent,
  family: Family,
  routing: RoutingIntent,
  finish: readonly BirdStatement[],
): BirdStatement[] {
  const acceptIf = (condition: BirdCondition): BirdStatement => {
    return { kind: 'if', when: condition, body: [...finish, accept] };
  };
  const pools = routing.pools.filter((pool) => pool.prefix.family === family);
  const hidden = pools.filter((pool) => !pool.exported).map((pool) => andLonger(pool.prefix));
  const shown = pools.filter((pool) => pool.exported).map((pool) => andLonger(pool.prefix));
  const statics = routing.staticRoutes.filter((route) => route.prefix.family === family);
  const blocks = statics.filter((route) => route.reason === 'block').map((route) => route.prefix);
  const services = statics.filter((route) => route.reason === 'service').map((route) => exactly(route.prefix));
  const reflected = (routing.reflectedRanges ?? []).filter((prefix) => prefix.family === family).map(andLonger);
  const tunnels = isInternal(session) ? ['*.cali', '*.calico', 'bpf*.cali', 'tunl0'] : ['bpf*.cali'];
  return [
    ...(hidden.length === 0 ? [] : [when(netIn(hidden), reject('its IPPool has disableBGPExport'))]),
    ...tunnels.map((pattern) =>
      when({ kind: 'interface', pattern }, reject(`it leads into a tunnel of the cluster (${pattern})`)),
    ),
    ...routing.prefixAdvertisements
      .filter((entry) => entry.prefix.family === family)
      .flatMap((entry) => advertise(entry.prefix, entry.communities)),
    ...(blocks.length === 0
      ? []
      : [
          acceptIf(netIn(blocks.map(exactly))),
          when(netIn(blocks.map(andLonger)), reject('it is a part of a block that is announced whole')),
        ]),
    ...[services, reflected, shown].filter((set) => set.length > 0).map((set) => acceptIf(netIn(set))),
  ];
}

function advertise(prefix: Prefix, communities: readonly string[]): BirdStatement[] {
  const body = addCommunities(communities);
  return body.length === 0 ? [] : [{ kind: 'if', when: netIn([andLonger(prefix)]), body }];
}
