import { expect, it } from 'vitest';
import type { LinkIntent } from '../links/links-intent.ts';
import { resolveMssClamps } from './mss-clamps.ts';

const link = (interfaceName: string, mssClamp: LinkIntent['mssClamp']): LinkIntent => ({
  kind: 'interface',
  attachment: interfaceName,
  interfaceName,
  addresses: [],
  remotes: [],
  mtu: undefined,
  mssClamp,
});
const asked = { ipv4: 1398, ipv6: 1378 };
const links = [link('vpn-2', asked), link('plain', undefined), link('vpn-1', asked)];

it.each([
  ['as the link says where nothing is known of the device', [], asked],
  ['as the link says where the device has room', [{ name: 'vpn-1', addresses: [], mtu: 9000 }], asked],
  [
    'as the device allows where that is less',
    [{ name: 'vpn-1', addresses: [], mtu: 1400 }],
    { ipv4: 1360, ipv6: 1340 },
  ],
])('segments are as large %s', (_where, interfaces, first) => {
  expect(resolveMssClamps(links, interfaces)).toEqual([
    { interfaceName: 'vpn-1', ...first },
    { interfaceName: 'vpn-2', ...asked },
  ]);
});
