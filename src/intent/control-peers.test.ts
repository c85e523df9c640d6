import { expect, it } from 'vitest';
import { address } from '../net/literals.fixture.ts';
import type { LinkIntent } from './links/links-intent.ts';
import { wireguardLink } from './links/wireguard-link.fixture.ts';
import { controlPeers } from './resolve-intent.ts';
import type { RoutingIntent, SessionIntent } from './routing/routing-intent.ts';

const tunnel = (name: string, ...remotes: string[]): LinkIntent =>
  wireguardLink({ attachment: name, interfaceName: `${name}-dev`, remotes: remotes.map(address) });
const cable: LinkIntent = {
  ...{ kind: 'interface', attachment: 'cable', interfaceName: 'eth1', addresses: [], mtu: undefined },
  ...{ mssClamp: undefined, remotes: [address('10.0.1.2')] },
};
const links = [tunnel('a', '169.254.9.1', 'fe80::1'), tunnel('b', '169.254.9.5', 'fe80::1'), cable];

it.each<[string, string, SessionIntent['reach'], object]>([
  ['is on the device of a link that we make', '169.254.9.1', 'direct', { attachment: 'a', interfaceName: 'a-dev' }],
  ['on a device that somebody else made may come by another', '10.0.1.2', 'direct', { attachment: 'cable' }],
  ['that is some hops away may come by any', '169.254.9.5', { hops: 2 }, { attachment: 'b' }],
  ['whose link-local address is on two links is told by none', 'fe80::1', 'direct', {}],
  ['that is at the end of no link is told by none', '192.0.2.1', 'direct', {}],
])('a neighbor %s', (_what, neighbor, reach, end) => {
  const session = { neighbor: address(neighbor), port: 179, reach, bfd: { minInterval: 300, multiplier: 3 } };
  const routing = { listenPort: 179, sessions: [session], group: undefined } as unknown as RoutingIntent;
  const { peers, bfd } = controlPeers(routing, links);
  expect(peers).toEqual([{ address: address(neighbor), port: 179, ...end }]);
  expect(bfd).toEqual([{ address: address(neighbor), port: reach === 'direct' ? 3784 : 4784, ...end }]);
});
