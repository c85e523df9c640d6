/**
 * A small hub for tests of routing and BIRD, here and in test/host: a data center, two spokes that may not talk to each
 * other, and two transit routers.
 */

import type { Warning } from '../intent/router-intent.ts';
import { type RoutingOptions, resolveRouting } from '../intent/routing/resolve-routing.ts';
import type { RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import { resolveTopology } from '../intent/topology/resolve-topology.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { type BirdOptions, compileBird } from './compile.ts';
import { printBird } from './print.ts';

/** Two routers on one subnet, a data center behind eth0, spokes behind eth1 and eth2; both families. */
export const hub: readonly AnyResource[] = [
  resource('Router', 'tr1', {
    asNumber: 64520,
    routerID: '10.255.0.1',
    redundancyGroup: 'hub',
    interfaces: [{ name: 'eth9', addresses: ['10.255.0.1/24', 'fd00:ff::1/64'] }],
  }),
  resource('Router', 'tr2', {
    asNumber: 64520,
    routerID: '10.255.0.2',
    redundancyGroup: 'hub',
    interfaces: [{ name: 'eth9', addresses: ['10.255.0.2/24', 'fd00:ff::2/64'] }],
  }),
  resource('Segment', 'dc', { exchangeWith: ['spokes'] }),
  resource('Segment', 'spokes', { exchangeWith: ['dc'], isolated: true }),
  resource('Site', 'dc', { type: 'datacenter', prefixes: ['10.0.0.0/8', 'fd10::/32'], segment: 'dc' }),
  resource('Site', 'spoke-a', { type: 'vpc', prefixes: ['10.1.0.0/16', 'fd10:0:1::/48'], segment: 'spokes' }),
  resource('Site', 'spoke-b', { type: 'vpc', prefixes: ['10.2.0.0/16'], segment: 'spokes' }),
  resource('Attachment', 'dc', {
    router: 'tr1',
    site: 'dc',
    link: { interface: { name: 'eth0' } },
    addresses: { local: ['192.168.0.1/30', 'fd00::1/64'], remote: ['192.168.0.2', 'fd00::2'] },
    bgp: { asNumber: 65010, holdTime: '9s', keepaliveTime: '3s' },
  }),
  resource('Attachment', 'spoke-a', {
    router: 'tr1',
    site: 'spoke-a',
    link: { interface: { name: 'eth1' } },
    addresses: { local: ['192.168.1.1/30'], remote: ['192.168.1.2'] },
    bgp: { asNumber: 64601 },
  }),
  resource('Attachment', 'spoke-b', {
    router: 'tr1',
    site: 'spoke-b',
    link: { interface: { name: 'eth2' } },
    addresses: { local: ['192.168.2.1/30'], remote: ['192.168.2.2'] },
    static: { prefixes: ['10.2.0.0/16'] },
  }),
];

export interface Resolved {
  readonly routing: RoutingIntent;
  readonly warnings: readonly Warning[];
  session(name: string): SessionIntent;
}

/** Resources of the same kind and name replace those before them. */
export function resolveHub(router: string, more: readonly AnyResource[] = [], options: RoutingOptions = {}): Resolved {
  return resolveFor(router, [...hub, ...more], options);
}

export function resolveFor(router: string, resources: readonly AnyResource[], options: RoutingOptions = {}): Resolved {
  const snapshot = makeSnapshot(resources);
  const { routing, warnings } = resolveRouting(snapshot, resolveTopology(snapshot, router), options);
  return {
    routing,
    warnings,
    session(name) {
      const found = routing.sessions.find((session) => session.name === name);
      if (!found) throw new Error(`no session ${name} among ${routing.sessions.map((one) => one.name).join(', ')}`);
      return found;
    },
  };
}

export function birdText(routing: RoutingIntent, options: Partial<BirdOptions> = {}): string {
  return printBird(compileBird(routing, { secrets: new Map(), ...options }));
}
