import { expect, it } from 'vitest';
import { wireguardLink } from '../intent/links/wireguard-link.fixture.ts';
import { uncarriedTunnels } from './underlay-carrier.ts';

const over = (interfaceName: string, below: string) =>
  wireguardLink({ interfaceName, underlay: { attachment: 'dx', interfaceName: below, gateways: [] } });

it('tunnels over a device that is missing or has no carrier are lost, and no others', () => {
  const tunnels = [
    over('wg0', 'up0'),
    over('wg1', 'down0'),
    over('wg2', 'gone0'),
    wireguardLink({ interfaceName: 'wg3' }),
  ];
  const there = new Map([
    ['up0', { hasCarrier: true }],
    ['down0', { hasCarrier: false }],
  ]);
  expect([...uncarriedTunnels(tunnels, there)]).toEqual([
    ['wg1', 'down0, which carries it, is down'],
    ['wg2', 'gone0, which carries it, is down'],
  ]);
});
