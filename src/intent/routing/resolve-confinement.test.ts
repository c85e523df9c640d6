import { describe, expect, it } from 'vitest';
import { resolveFor } from '../../bird/hub.fixture.ts';
import { printPrefix } from '../../net/prefix.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';

const router = (name: string, more: object = {}): AnyResource =>
  resource('Router', name, { asNumber: 64520, interfaces: [{ name: 'eth9', addresses: ['192.0.2.1/24'] }], ...more });
const site = (name: string, ...prefixes: string[]): AnyResource => resource('Site', name, { type: 'vpc', prefixes });

const links = {
  cable: { interface: { name: 'eth1' } },
  vlan: { vlan: { parent: 'eth2', id: 101 } },
  ipsec: {
    ipsec: {
      psk: { secretRef: { name: 'vpn', key: 'psk' } },
      tunnels: [{ remoteAddress: '203.0.113.1', interface: 'vpn0' }],
    },
  },
  wireguard: { wireguard: { interface: 'wg0', peerPublicKey: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' } },
};

function attach(name: string, link: keyof typeof links, to = 'gw'): AnyResource {
  const addresses = { local: ['169.254.6.1/30'], remote: ['169.254.6.2'] };
  return resource('Attachment', `${name}-${link}-${to}`, { router: to, site: name, link: links[link], addresses });
}

function confined(resources: readonly AnyResource[], routers = [router('gw')]) {
  const { within, except } = resolveFor('gw', [...routers, ...resources]).routing.confinement;
  return { within: within.map(printPrefix), except: except.map(printPrefix) };
}

describe('no default route carries what belongs to a Site', () => {
  const dc = site('dc', '10.0.0.0/8', 'fd00::/16');
  const all = { within: ['10.0.0.0/8', 'fd00::/16'], except: [] };
  const none = { within: [], except: [] };

  it.each<[string, readonly AnyResource[], object]>([
    ['behind IPsec', [dc, attach('dc', 'ipsec')], all],
    ['behind WireGuard', [dc, attach('dc', 'wireguard')], all],
    ['that has a cable too', [dc, attach('dc', 'cable'), attach('dc', 'ipsec')], all],
    ['behind a cable alone: there is nothing to hide', [dc, attach('dc', 'cable'), attach('dc', 'vlan')], none],
    ['that a router of its own is attached to alone', [router('far'), dc, attach('dc', 'ipsec', 'far')], none],
    [
      'but what another Site declares inside it, which is behind no tunnel',
      [dc, site('a', '10.1.0.0/16'), site('b', '10.1.2.0/24'), attach('dc', 'ipsec'), attach('b', 'wireguard')],
      { within: ['10.0.0.0/8', '10.1.2.0/24', 'fd00::/16'], except: ['10.1.0.0/16'] },
    ],
    [
      'although another that declares the same is behind a cable',
      [dc, site('twin', '10.0.0.0/8'), attach('dc', 'ipsec'), attach('twin', 'cable')],
      all,
    ],
    [
      'unless that Site gives a default route, of that family',
      [site('dc', '10.0.0.0/8', '0.0.0.0/0', 'fd00::/16'), attach('dc', 'ipsec')],
      { within: ['fd00::/16'], except: [] },
    ],
  ])('%s', (_what, resources, expected) => {
    expect(confined(resources)).toEqual(expected);
  });

  it('that another router of the group is attached to by a tunnel', () => {
    const group = { redundancyGroup: 'hub' };
    expect(confined([dc, attach('dc', 'ipsec', 'two')], [router('gw', group), router('two', group)])).toEqual(all);
  });
});
