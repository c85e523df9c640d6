import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { codes, eth0, facts, node, policy, resolve, router } from './policy.fixture.ts';
import type { InterfaceFacts } from './policy-intent.ts';

describe('traps', () => {
  const open = { ...router, spec: { ...router.spec, forwarding: { defaultAction: 'Allow' } } } as AnyResource;
  const wild = resource('HostEndpoint', 'w', { node: 'r1', interfaceName: '*' }, { role: 'x' });
  it.each<[string, AnyResource[], InterfaceFacts[], string[]]>([
    ['an endpoint that nothing opens', [router, eth0], [], ['endpoint-cuts-local-traffic']],
    [
      'policy for the router itself alone, while forwarding is open',
      [open, eth0, policy('p', {})],
      [],
      ['not-applied-on-forward'],
    ],
    ['the same on a router that is closed by default', [router, eth0, policy('p', {})], [], []],
    ['the same on a Calico host', [node, eth0, policy('p', {})], [], []],
    [
      'IPv6 without neighbour discovery',
      [node, eth0, policy('p', {})],
      [facts('eth0', 'fd00::1/64')],
      ['neighbor-discovery-denied'],
    ],
    [
      'IPv6 with it',
      [node, eth0, policy('p', { ingress: [{ action: 'Allow', protocol: 'ICMPv6' }] })],
      [facts('eth0', 'fd00::1/64')],
      [],
    ],
    [
      'IPv6 on a Router, which exempts it',
      [router, eth0, policy('p', { applyOnForward: true })],
      [facts('eth0', 'fd00::1/64')],
      [],
    ],
    ['a wildcard that covers loopback', [node, wild, policy('p', {})], [], ['loopback-denied']],
    [
      'a negative namespaceSelector',
      [router, eth0, policy('p', { applyOnForward: true, namespaceSelector: 'env != "prod"' })],
      [],
      ['negative-namespace-selector'],
    ],
    [
      'named ports without addresses',
      [
        router,
        resource('HostEndpoint', 'h', {
          node: 'r1',
          interfaceName: 'eth0',
          profiles: ['projectcalico-default-allow'],
          ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
        }),
      ],
      [],
      ['invisible-ports'],
    ],
    ['a missing tier', [router, eth0, policy('p', { applyOnForward: true, tier: 'gone' })], [], ['missing-tier']],
  ])('%s', (_title, resources, interfaces, expected) => {
    expect(codes(resolve(resources, interfaces).warnings)).toEqual(expected);
  });
});
