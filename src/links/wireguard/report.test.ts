import { expect, it } from 'vitest';
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import { wireguardKey, wireguardLink } from '../../intent/links/wireguard-link.fixture.ts';
import type { WireguardPeer } from './read.ts';
import { reportWireguard } from './report.ts';

const ownKey = wireguardKey('o');
const link = wireguardLink({ peer: { presharedKey: { name: 'site', key: 'psk' } } });
const peersKey = link.peer.publicKey;
const silent: WireguardPeer = {
  publicKey: peersKey,
  endpoint: undefined,
  allowedIps: [],
  latestHandshake: 0,
  received: 0,
  sent: 148,
  keepalive: 25,
};

function reportOf(
  peer: Partial<WireguardPeer>,
  isUp: boolean,
  change: Partial<WireguardLinkIntent['peer']> = {},
  notCarried?: string,
) {
  const liveness = { isUp, received: 0, sent: 0, askedAt: undefined, lostHandshake: 0 };
  const seen = { ...silent, ...peer };
  const to = { ...link, peer: { ...link.peer, ...change } };
  return reportWireguard(to, {
    driver: 'wireguard-go',
    publicKey: ownKey,
    peer: seen,
    liveness,
    notCarried,
    mtu: 1420,
  });
}

it('a tunnel that is up says when and where its peer was heard', () => {
  expect(reportOf({ endpoint: '192.0.2.9:40000', latestHandshake: 1_700_000_000, received: 92 }, true)).toEqual({
    attachment: 'site',
    interfaceName: 'wg0',
    kind: 'wireguard',
    driver: 'wireguard-go',
    state: 'up',
    reason: null,
    mtu: 1420,
    wireguard: {
      publicKey: ownKey,
      listenPort: 51820,
      endpoint: '192.0.2.9:40000',
      latestHandshake: '2023-11-14T22:13:20.000Z',
      received: 92,
      sent: 148,
    },
  });
});

it.each<[string, Partial<WireguardPeer>, Partial<WireguardLinkIntent['peer']>, readonly string[]]>([
  ['never answered', {}, {}, ['UDP at 192.0.2.1:51821', ownKey, peersKey, 'preshared key']],
  ['is to come to us', {}, { endpoint: undefined }, ['has not come yet', 'UDP port 51820 here', ownKey]],
  ['went silent', { latestHandshake: 1_700_000_000 }, {}, ['went silent', '25 s']],
])('where the peer %s the reason says what to look at', (_what, peer, change, words) => {
  const { state, reason } = reportOf(peer, false, change);
  expect(state).toBe('down');
  for (const word of words) expect(reason).toContain(word);
});

it('a tunnel whose underlay is down is down at once, whenever its peer was heard', () => {
  const { state, reason } = reportOf({ latestHandshake: 1_700_000_000 }, true, {}, 'dx0.101 is down');
  expect([state, reason]).toEqual(['down', 'dx0.101 is down']);
});
