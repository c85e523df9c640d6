import { describe, expect, it } from 'vitest';
import type { WireguardLinkIntent } from '../../intent/links/links-intent.ts';
import { endpointAt, wireguardKey as key, wireguardLink } from '../../intent/links/wireguard-link.fixture.ts';
import { holdsWireguard, isWireguardKey, printWireguard, writtenEndpoint } from './config.ts';
import type { WireguardDevice } from './read.ts';

const tunnelTo = (address: string | undefined): WireguardLinkIntent =>
  wireguardLink({ peer: { endpoint: address === undefined ? undefined : endpointAt(address, 51821) } });

describe('the text for wg', () => {
  it('says everything, so that nothing stays of what was there before', () => {
    const text = printWireguard(
      tunnelTo('2001:db8::1'),
      { privateKey: key('k'), presharedKey: undefined },
      { fwmark: 0x10000000, endpoint: 'as-written' },
    );
    expect(text).toBe(`[Interface]
PrivateKey = ${key('k')}
ListenPort = 51820
FwMark = 268435456
[Peer]
PublicKey = ${key('p')}
PresharedKey = ${'A'.repeat(43)}=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [2001:db8::1]:51821
PersistentKeepalive = 25
`);
  });

  it('leaves the endpoint alone where the peer was heard elsewhere', () => {
    const keys = { privateKey: key('k'), presharedKey: key('s') };
    const text = printWireguard(tunnelTo('192.0.2.1'), keys, { fwmark: 1, endpoint: 'as-heard' });
    expect(text).not.toContain('Endpoint');
    expect(text).toContain(`PresharedKey = ${key('s')}\n`);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1:51821'],
    ['2001:db8::1', '[2001:db8::1]:51821'],
    [undefined, undefined],
  ])('an endpoint at %s is %s', (address, text) => {
    expect(writtenEndpoint(tunnelTo(address))).toBe(text);
  });
});

describe('a device', () => {
  const own = { publicKey: key('o'), fwmark: 0x10000000 };
  const peer = {
    publicKey: key('p'),
    endpoint: '192.0.2.9:40000',
    allowedIps: ['::/0', '0.0.0.0/0'],
    latestHandshake: 0,
    received: 0,
    sent: 0,
    keepalive: 25,
  };
  const device: WireguardDevice = { interfaceName: 'wg0', listenPort: 51820, ...own, peers: [peer] };

  it('holds what is wanted, wherever its peer was heard', () => {
    expect(holdsWireguard(device, tunnelTo('192.0.2.1'), own)).toBe(true);
  });

  it.each<[string, Partial<WireguardDevice>]>([
    ['another key', { publicKey: key('x') }],
    ['no key', { publicKey: undefined }],
    ['another port', { listenPort: 1 }],
    ['no mark', { fwmark: 0 }],
    ['no peer', { peers: [] }],
    ['a second peer', { peers: [peer, { ...peer, publicKey: key('y') }] }],
    ['another peer', { peers: [{ ...peer, publicKey: key('y') }] }],
    ['a peer that may send less', { peers: [{ ...peer, allowedIps: ['0.0.0.0/0'] }] }],
    ['a peer without keepalives', { peers: [{ ...peer, keepalive: 0 }] }],
  ])('with %s does not', (_what, change) => {
    expect(holdsWireguard({ ...device, ...change }, tunnelTo('192.0.2.1'), own)).toBe(false);
  });
});

it.each([
  [key('a'), true],
  [`${'a'.repeat(42)}B=`, false],
  [`${'a'.repeat(43)}`, false],
  [` ${key('a')}`, false],
  ['', false],
])('%j is a key: %s', (text, is) => {
  expect(isWireguardKey(text)).toBe(is);
});
