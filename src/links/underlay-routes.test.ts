/** The ways that outer packets may take: tables of routes before, routes after. */
import { describe, expect, it } from 'vitest';
import { endpointAt, wireguardLink } from '../intent/links/wireguard-link.fixture.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { IpRoute } from './ip-route.ts';
import { parseRoute, printRoute, type TunnelIntent, type UnderlayRoute, underlayRoutes } from './underlay-routes.ts';

const address = (text: string): Address => parseAddress(text) as Address;

const tunnel = (name: string, change: Parameters<typeof wireguardLink>[0] = {}): TunnelIntent =>
  wireguardLink({
    attachment: name,
    interfaceName: name,
    ...change,
    peer: { endpoint: endpointAt('203.0.113.1', 51_820), ...change.peer },
  });

const own = (...routes: readonly IpRoute[]): readonly UnderlayRoute[] =>
  routes.map((route) => parseRoute(route, route.dst.includes(':') ? 6 : 4) as UnderlayRoute);
const printed = (tunnels: readonly TunnelIntent[], routes: readonly UnderlayRoute[] = []): readonly string[] =>
  underlayRoutes(tunnels, routes).map(printRoute);

const nowhere = ['unreachable 0.0.0.0/0 metric 4294967295', 'unreachable ::/0 metric 4294967295'];
const over = { attachment: 'dx', interfaceName: 'dx0.101', gateways: [address('169.254.10.2')] };

describe('outer packets', () => {
  it('need no routes where there is no tunnel', () => {
    expect(printed([], own({ dst: 'default', gateway: '10.0.0.2', dev: 'eth0' }))).toEqual([]);
  });

  it('go nowhere by themselves', () => {
    expect(printed([tunnel('wg0')])).toEqual(nowhere);
  });

  it("go by the host's own routes, as they are", () => {
    const routes = own(
      { dst: 'default', gateway: '10.0.0.2', dev: 'eth0', prefsrc: '10.0.0.1', metric: 100 },
      { dst: '10.0.0.0/24', dev: 'eth0', prefsrc: '10.0.0.1' },
      { dst: 'fd00::/64', dev: 'eth0', metric: 256 },
    );
    expect(printed([tunnel('wg0')], routes)).toEqual([
      '0.0.0.0/0 via 10.0.0.2 dev eth0 src 10.0.0.1 metric 100',
      '10.0.0.0/24 dev eth0 src 10.0.0.1',
      'fd00::/64 dev eth0 metric 256',
      ...nowhere,
    ]);
  });

  it('never go over a tunnel, whichever', () => {
    const routes = own({ dst: 'default', dev: 'wg1' }, { dst: '169.254.1.0/30', dev: 'wg0' });
    expect(printed([tunnel('wg0'), tunnel('wg1')], routes)).toEqual(nowhere);
  });

  it('go over the Attachment that their tunnel names, and nowhere while it is away', () => {
    expect(printed([tunnel('wg0', { underlay: over })])).toEqual([
      '169.254.10.2/32 dev dx0.101 metric 1',
      '203.0.113.1/32 via 169.254.10.2 dev dx0.101 metric 1',
      nowhere[0],
      'unreachable 203.0.113.1/32 metric 4294967295',
      nowhere[1],
    ]);
  });

  it('go to a peer that is the other end of that Attachment without a gateway', () => {
    const peer = { endpoint: endpointAt('169.254.10.2', 51_820) };
    expect(printed([tunnel('wg0', { underlay: over, peer })])).toEqual([
      '169.254.10.2/32 dev dx0.101 metric 1',
      nowhere[0],
      'unreachable 169.254.10.2/32 metric 4294967295',
      nowhere[1],
    ]);
  });

  it('go over it to wherever a peer may come from', () => {
    const peer = { publicKey: '', presharedKey: undefined, endpoint: undefined, keepalive: 25 };
    const roaming = (...allowFrom: readonly string[]) =>
      printed([
        tunnel('wg0', {
          underlay: over,
          peer: { ...peer, allowFrom: allowFrom.flatMap((text) => parsePrefix(text) ?? []) },
        }),
      ]);
    expect(roaming('198.51.100.0/24')).toContain('198.51.100.0/24 via 169.254.10.2 dev dx0.101 metric 1');
    expect(roaming()).toContain('0.0.0.0/0 via 169.254.10.2 dev dx0.101 metric 1');
  });
});

describe('a route of the host', () => {
  it.each<[string, IpRoute, string | undefined]>([
    [
      'with several next hops is the first of them',
      {
        dst: '10.0.0.0/8',
        nexthops: [
          { via: { host: 'fe80::1' }, dev: 'eth0' },
          { gateway: '10.0.0.3', dev: 'eth1' },
        ],
      },
      '10.0.0.0/8 via inet6 fe80::1 dev eth0',
    ],
    [
      'with several next hops is the first that carries',
      {
        dst: 'default',
        nexthops: [
          { gateway: '10.0.0.2', dev: 'eth0', flags: ['dead', 'linkdown'] },
          { gateway: '10.0.1.2', dev: 'eth1', flags: ['linkdown'] },
          { gateway: '10.0.2.2', dev: 'eth2', flags: [] },
          { gateway: '10.0.3.2', dev: 'eth3', flags: [] },
        ],
      },
      '0.0.0.0/0 via 10.0.2.2 dev eth2',
    ],
    ['to one host is a prefix', { dst: '1.2.3.4', dev: 'eth0' }, '1.2.3.4/32 dev eth0'],
    ['may be unreachable', { type: 'unreachable', dst: '10.0.0.0/8', metric: 7 }, 'unreachable 10.0.0.0/8 metric 7'],
    ['is none where it is for multicast', { type: 'multicast', dst: '224.0.0.0/4', dev: 'eth0' }, undefined],
  ])('%s', (_, route, expected) => {
    const parsed = parseRoute(route, 4);
    expect(parsed && printRoute(parsed)).toBe(expected);
  });
});
