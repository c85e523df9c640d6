import { expect, it } from 'vitest';
import { endpointAt, wireguardLink } from '../intent/links/wireguard-link.fixture.ts';
import { fitTunnel } from './underlay-mtu.ts';

const over4 = endpointAt('192.0.2.1', 51_820);
const over6 = endpointAt('2001:db8::1', 51_820);

it.each([
  ['as its intent says over what carries that', over4, 1440, 1500, 1440],
  ['as its intent says over more', over4, 1440, 9001, 1440],
  ['less where less is written', over4, 1300, 1500, 1300],
  ['less over less, by an IPv4 header, UDP and WireGuard', over4, 1440, 1400, 1340],
  ['less over less, by an IPv6 header, UDP and WireGuard', over6, 1420, 1400, 1320],
  ['not less than IPv6 asks for', over6, 1420, 1280, 1280],
  ['as its intent says while nothing carries it', over4, 1440, undefined, 1440],
])('a tunnel is %s', (_what, endpoint, mtu, outerMtu, fits) => {
  expect(fitTunnel(wireguardLink({ mtu, peer: { endpoint } }), outerMtu).mtu).toBe(fits);
});
