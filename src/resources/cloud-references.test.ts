/** What AWS's gateways and peerings make of links that look right one by one. */
import { describe, expect, it } from 'vitest';
import {
  check,
  device,
  findIn,
  inside,
  peering,
  type ReferenceRow,
  router,
  sites,
  tunnel,
  vlan,
} from './link-manifests.fixture.ts';

const errorsOf = (...manifests: string[]) => check(manifests).errors;

const vpn = (name: string, peer: string, third: number, more: string, at = 'r1'): string =>
  tunnel(name, peer, `profile: aws-vgw-vpn\n${inside(`169.254.${third}.2/30`, `169.254.${third}.1`)}\n${more}`).replace(
    'router: r1',
    `router: ${at}`,
  );

describe('an error is', () => {
  it.each<ReferenceRow>([
    ['a tag in a VPC', [vlan('x', 'dx0', 101)], 'x', 'spec.link.vlan', /role transit/],
    [
      'a third network behind a peering',
      [peering('x'), device('y', 'eth2', 'site: b')],
      'x',
      'spec.link.interface.network',
      /Site b of Attachment y is one: lead a tunnel over it \(over: x\)/,
    ],
    [
      "the gateway's AS at both ends of a VPN",
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 64520}')],
      'x',
      'spec.bgp.asNumber',
      /AS 64520 is this end's own.*write localASNumber/,
    ],
    [
      'one /30 inside two connections of a gateway, to two routers',
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 1}'), vpn('y', '203.0.113.2', 8, 'bgp: {asNumber: 1}', 'r2')],
      'y',
      'spec.addresses.local[0]',
      /169\.254\.8\.0\/30 is inside a tunnel of Attachment x \(Router r1\)/,
    ],
    [
      "a third network behind the gateway of the router's own VPC",
      [device('x', 'eth1, network: vpn-gateway'), device('y', 'eth2', 'site: b')],
      'x',
      'spec.link.interface.network',
      /the virtual private gateway of a VPC delivers only .* Site b of Attachment y is one/,
    ],
    ['BGP over a peering', [peering('x', 'bgp: {asNumber: 65001}')], 'x', 'spec.bgp', /would lead nowhere/],
  ])('%s', (title, manifests, name, field, reason) => {
    const role = title === 'a tag in a VPC' ? 'role: transit\n' : '';
    expect(findIn(manifests, role).errors).toEqual([{ name, field, reason: expect.stringMatching(reason) }]);
  });

  it('each of two peerings behind the same device', () => {
    const found = errorsOf(router(), sites, peering('x'), peering('y', 'site: b'));
    expect(found.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
      expect.stringMatching(/^x: .*Site b of Attachment y is one/),
      expect.stringMatching(/^y: .*Site a of Attachment x is one/),
    ]);
  });

  it('a peering or a route server at a router of a data center', () => {
    const routeServer = device('y', 'eth2', 'profile: aws-route-server\nbgp: {asNumber: 65001}');
    expect(errorsOf(router('role: edge'), sites, peering('x'), routeServer).map(({ field }) => field)).toEqual([
      'spec.link.interface.network',
      'spec.profile',
    ]);
  });
});

describe('a warning is', () => {
  it.each<ReferenceRow>([
    [
      'a wide prefix beside a tunnel over a peering',
      [peering('p'), tunnel('t', '10.1.0.4', 'over: p'), device('y', 'eth2', 'site: b')],
      'p',
      'spec.static.prefixes[0]',
      /10\.0\.0\.0\/8 sends past the tunnel over p .* answers to Site b/,
    ],
    [
      'one gateway behind two routers that are no group',
      [vpn('x', '203.0.113.1', 8, 'bgp: {asNumber: 1}'), vpn('y', '203.0.113.2', 9, 'bgp: {asNumber: 1}', 'r2')],
      'y',
      'spec.router',
      /Router r1 leads to the virtual private gateway of Site a too.*one redundancyGroup/,
    ],
    [
      'a jumbo virtual interface beside a VPN that is not',
      [
        vlan('x', 'dx0', 101, 'profile: aws-dx-private-vif\nmtu: 8500\nbgp: {asNumber: 1}'),
        vpn('y', '203.0.113.1', 8, 'bgp: {asNumber: 1}'),
      ],
      'x',
      'spec.mtu',
      /no more than 1500 bytes by any way to Site a while Attachment y/,
    ],
  ])('%s', (_, manifests, name, field, reason) => {
    expect(findIn(manifests)).toEqual({
      errors: [],
      warnings: [{ name, field, reason: expect.stringMatching(reason) }],
    });
  });
});
