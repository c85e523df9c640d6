import { describe, expect, it } from 'vitest';
import { resolveFor } from '../../bird/hub.fixture.ts';
import type { AttachmentBgp, AttachmentProfile } from '../../resources/attachment.ts';
import { resource } from '../../resources/resource.fixture.ts';
import { effectiveBgp } from './attachment-profiles.ts';
import { mainChannel } from './routing-intent.ts';

const base = { router: 'r1', site: 'vpc', link: { interface: { name: 'eth0' } } };

function effective(profile: AttachmentProfile, bgp: Partial<AttachmentBgp> = {}) {
  return effectiveBgp({ ...base, profile, bgp: { asNumber: 64512, ...bgp } });
}

function resolve(
  profile: AttachmentProfile,
  bgp: Partial<AttachmentBgp> = {},
  local = '169.254.9.2/30',
  asNumber: number | string = 64520,
) {
  const resolved = resolveFor('r1', [
    resource('Router', 'r1', { asNumber, routerID: '10.255.0.1' }),
    resource('Site', 'vpc', { type: 'vpc', prefixes: ['10.1.0.0/16'] }),
    resource('Attachment', 'a', {
      ...base,
      profile,
      addresses: { local: [local], remote: ['169.254.9.1'] },
      bgp: { asNumber: 64512, ...bgp },
    }),
  ]);
  return { session: resolved.routing.sessions[0], codes: resolved.warnings.map(({ code }) => code).sort() };
}

describe('a profile', () => {
  it.each<[AttachmentProfile, object]>([
    ['aws-dx-private-vif', { hold: 90, keepalive: 30, bfd: { minInterval: 300, multiplier: 3 }, reach: 'direct' }],
    ['aws-vgw-vpn', { hold: 30, keepalive: 10, reach: 'direct', gracefulRestart: 'default' }],
    ['aws-route-server', { passive: false, bfd: { minInterval: 300, multiplier: 3 } }],
    ['aws-tgw-connect', { hold: 30, keepalive: 10, reach: { hops: 2 }, gracefulRestart: 'off' }],
    ['azure-route-server', { hold: 180, keepalive: 60, reach: { hops: 2 } }],
    ['gcp-cloud-router', { hold: 60, keepalive: 20, bfd: { minInterval: 1000, multiplier: 5 }, reach: 'direct' }],
  ])('%s gives a session %j', (profile, expected) => {
    const { session } = resolve(profile);
    expect(session).toMatchObject(expected);
    expect(session && 'bfd' in session).toBe('bfd' in expected);
  });

  it('limits what is sent to what the cloud takes, so that one prefix more costs that prefix and not the session', () => {
    const { session } = resolve('aws-vgw-vpn');
    expect(session && mainChannel(session)).toMatchObject({
      export: { limit: { prefixes: 100, action: 'block' } },
      import: { receiveLimit: { prefixes: 1000, action: 'warn' } },
    });
  });

  it.each<[AttachmentProfile, Partial<AttachmentBgp>, object]>([
    ['aws-dx-private-vif', { holdTime: '9s' }, { holdTime: '9s', keepaliveTime: undefined }],
    ['aws-dx-private-vif', { keepaliveTime: '5s' }, { holdTime: '90s', keepaliveTime: '5s' }],
    ['aws-dx-private-vif', { bfd: 'off' }, { bfd: 'off' }],
    ['aws-dx-private-vif', { preferenceBy: 'med' }, { preferenceBy: 'med' }],
    ['azure-route-server', { multihop: 5 }, { multihop: 5 }],
    ['azure-route-server', { ttlSecurity: 3 }, { multihop: undefined, ttlSecurity: 3 }],
  ])('%s gives way to %j', (profile, bgp, expected) => {
    expect({ keepaliveTime: undefined, multihop: undefined, ...effective(profile, bgp) }).toMatchObject(expected);
  });

  it('gives way limit by limit', () => {
    const written = { maxPrefixes: { export: { ipv4: { limit: 400 } } } };
    expect(effective('aws-dx-private-vif', written)?.maxPrefixes?.export).toEqual({
      ipv4: { limit: 400 },
      ipv6: { limit: 100, action: 'block' },
    });
  });
});

describe('what a cloud refuses is said', () => {
  it.each<[AttachmentProfile, Partial<AttachmentBgp>, string, number | string, string[]]>([
    ['aws-vgw-vpn', {}, '169.254.9.2/30', 64520, ['profile-one-tunnel']],
    ['aws-vgw-vpn', {}, '169.254.9.2/30', 7224, ['profile-as-reserved', 'profile-one-tunnel']],
    ['aws-vgw-vpn', { localASNumber: 64530 }, '169.254.9.2/30', 7224, ['profile-one-tunnel']],
    ['aws-vgw-vpn', {}, '169.254.9.2/30', 64512, ['attachment-is-internal', 'profile-one-tunnel']],
    ['azure-route-server', {}, '10.9.0.2/30', 65515, ['profile-as-reserved']],
    ['azure-route-server', {}, '10.9.0.2/30', '4200000000', ['profile-as-reserved']],
    ['azure-route-server', {}, '10.9.0.2/30', 64520, []],
    ['aws-dx-private-vif', {}, '169.254.9.2/30', 64520, []],
    ['aws-dx-private-vif', { gracefulRestart: '120s' }, '169.254.9.2/30', 64520, ['restart-with-bfd']],
  ])('%s %j from %s in AS %s: %j', (profile, bgp, local, asNumber, expected) => {
    expect(resolve(profile, bgp, local, asNumber).codes).toEqual(expected);
  });

  it.each<[number, string[]]>([
    [1, ['profile-one-tunnel']],
    [2, []],
  ])('of a VPN without BGP and %d tunnels', (count, codes) => {
    const tunnels = Array.from({ length: count }, (_, i) => ({
      remoteAddress: `203.0.113.${i + 1}`,
      addresses: { local: [`169.254.9.${4 * i + 2}/30`], remote: [`169.254.9.${4 * i + 1}`] },
    }));
    const { warnings } = resolveFor('r1', [
      resource('Router', 'r1', { asNumber: 64520, routerID: '10.255.0.1' }),
      resource('Site', 'vpc', { type: 'vpc', prefixes: ['10.1.0.0/16'] }),
      resource('Attachment', 'a', {
        ...base,
        profile: 'aws-vgw-vpn',
        link: { ipsec: { psk: { secretRef: { name: 'v', key: 'k' } }, tunnels } },
        static: { prefixes: ['10.1.0.0/16'] },
      }),
    ]);
    expect(warnings.map(({ code }) => code)).toEqual(codes);
    for (const { path } of warnings) expect(path).toEqual(['spec', 'link', 'ipsec', 'tunnels']);
  });
});
