/** What becomes of a VPN connection: an Attachment that our own validation takes, and keys that are not in it. */
import { describe, expect, it } from 'vitest';
import { resolveIntent } from '../../intent/resolve-intent.ts';
import { parseFiles } from '../../resources/document.ts';
import { manifest } from '../../resources/manifest.fixture.ts';
import { checkReferences } from '../../resources/references.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { printResource } from '../../resources/text.ts';
import { compileAttachment, type ImportChoices, type ImportedAttachment } from './compile-attachment.ts';
import { strongswanProposals } from './proposals.ts';
import { firstTunnel, secondTunnel, staticVpnXml, vpnXml } from './vpn-connection.fixture.ts';
import { parseVpnConnection } from './vpn-connection.ts';

const choices: ImportChoices = { name: 'spoke-a', router: 'tr1', site: 'spoke-a', proposals: 'strong', prefixes: [] };

function compiled(xml: string, chosen: Partial<ImportChoices> = {}) {
  const connection = parseVpnConnection(xml);
  if (!connection.ok) throw new Error(JSON.stringify(connection.error));
  return compileAttachment(connection.value, { ...choices, ...chosen });
}

function imported(xml: string, chosen: Partial<ImportChoices> = {}): ImportedAttachment {
  const result = compiled(xml, chosen);
  if (!result.ok) throw new Error(result.error.join('; '));
  return result.value;
}

const ipsecOf = (xml: string, chosen: Partial<ImportChoices> = {}) => imported(xml, chosen).attachment.spec.link.ipsec;

/** As AWS writes a connection whose tunnel options were narrowed. */
const narrowed = vpnXml()
  .replaceAll('aes-128-cbc', 'aes-256-cbc')
  .replaceAll('hmac-sha1-96', 'hmac-sha2-256-128')
  .replaceAll('>sha1<', '>sha2-256<')
  .replaceAll('group2', 'group14');

describe('the Attachment of a VPN connection', () => {
  it('has both tunnels with their inside addresses, the strongest proposals and the session', () => {
    expect(imported(vpnXml()).attachment.spec).toEqual({
      router: 'tr1',
      site: 'spoke-a',
      profile: 'aws-vgw-vpn',
      link: {
        ipsec: {
          localID: '203.0.113.12',
          ike: { proposals: ['aes256gcm16-prfsha384-ecp384'], lifetime: '28800s' },
          esp: { proposals: ['aes256gcm16-ecp384'], lifetime: '3600s' },
          dpd: { delay: '10s', timeout: '30s' },
          tunnels: [
            {
              remoteAddress: '198.51.100.7',
              psk: { secretRef: { name: 'spoke-a', key: 'psk-1' } },
              addresses: { local: ['169.254.44.42/30'], remote: ['169.254.44.41'] },
            },
            {
              remoteAddress: '198.51.100.77',
              psk: { secretRef: { name: 'spoke-a', key: 'psk-2' } },
              addresses: { local: ['169.254.60.14/30'], remote: ['169.254.60.13'] },
            },
          ],
        },
      },
      bgp: { asNumber: 64_512, localASNumber: 65_010, holdTime: '30s' },
    });
  });

  it('holds no key; the secrets do, in order', () => {
    const { attachment, secrets, notes } = imported(vpnXml());
    expect(secrets).toEqual([
      { path: 'spoke-a/psk-1', value: firstTunnel.key },
      { path: 'spoke-a/psk-2', value: secondTunnel.key },
    ]);
    for (const { key } of [firstTunnel, secondTunnel]) {
      expect(JSON.stringify({ attachment, notes })).not.toContain(key);
    }
  });

  it.each<[string, string, Partial<ImportChoices>]>([
    ['with BGP', vpnXml(), {}],
    ['with the proposals of a file that was narrowed', narrowed, { proposals: 'file' }],
    ['of one tunnel', vpnXml([firstTunnel]), {}],
    ['with short lifetimes', vpnXml().replaceAll(/<lifetime>\d+/g, '<lifetime>900'), {}],
    ['with one question to a silent peer', vpnXml().replaceAll('<retries>3', '<retries>1'), {}],
    ['without BGP', staticVpnXml(), { prefixes: ['10.20.0.0/16'] }],
    ['to a transit gateway', vpnXml().replaceAll('vpn_gateway_id', 'transit_gateway_id'), {}],
    ['with hardly more than addresses', vpnXml().replaceAll(/<(ike|ipsec)>[\s\S]*?<\/\1>/g, ''), {}],
  ])('%s passes validation', (_, xml, chosen) => {
    const text = printResource(imported(xml, chosen).attachment, 'yaml');
    const { errors, resources } = parseFiles([{ path: 'a.yaml', text }]);
    expect(errors).toEqual([]);
    expect(resources).toHaveLength(1);
  });

  const transit = vpnXml().replaceAll('vpn_gateway_id', 'transit_gateway_id');
  /** Laid out as IPv4 is. */
  const ofIpv6 = transit
    .replaceAll(/169\.254\.(\d+)\.(\d+)/g, (_, third, last) => `fd00:${third}::${Number(last) % 4}`)
    .replaceAll('<network_cidr>30', '<network_cidr>126')
    .replaceAll(/<network_mask>.*<\/network_mask>/g, '');

  it.each<[string, string, Partial<ImportChoices>]>([
    ['to a virtual private gateway', vpnXml(), {}],
    ['as narrow as its file', narrowed, { proposals: 'file' }],
    ['without BGP', staticVpnXml(), { prefixes: ['10.20.0.0/16'] }],
    ['to a transit gateway', transit, {}],
    ['to a transit gateway, IPv6 inside', ofIpv6, {}],
  ])('%s leaves nothing to be told of beside its Router and its Site', (_, xml, chosen) => {
    const hub = manifest('Router', 'asNumber: 64520\ninterfaces: [{name: eth0, addresses: [10.0.0.4/24]}]', 'tr1');
    const site = manifest('Site', 'type: vpc\nprefixes: [10.20.0.0/16, "fd20::/56"]', 'spoke-a');
    const text = [hub, site, printResource(imported(xml, chosen).attachment, 'yaml')].join('---\n');
    const { errors, warnings, resources } = parseFiles([{ path: 'a.yaml', text }]);
    const snapshot = makeSnapshot(resources);
    const intent = resolveIntent(snapshot, 'tr1');
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] });
    expect(checkReferences(snapshot)).toEqual({ errors: [], warnings: [], missing: [] });
    expect(intent).toMatchObject({ ok: true, value: { warnings: [] } });
  });

  it('of IPv6 inside is limited in that family', () => {
    expect(imported(ofIpv6).attachment.spec.bgp?.maxPrefixes?.export).toEqual({
      ipv6: { limit: 1000, action: 'block' },
    });
  });

  it('without BGP has the prefixes that were named, and no session', () => {
    const { spec } = imported(staticVpnXml(), { prefixes: ['10.20.0.0/16'] }).attachment;
    expect(spec.static).toEqual({ prefixes: ['10.20.0.0/16'] });
    expect(spec.bgp).toBeUndefined();
  });

  it.each<[string, string, Partial<ImportChoices>, RegExp]>([
    ['a connection without BGP, and no prefix', staticVpnXml(), {}, /NoBGPVPNConnection.*--prefix/],
    ['a connection with BGP, and a prefix', vpnXml(), { prefixes: ['10.0.0.0/8'] }, /has BGP.*leave out --prefix/],
    [
      'algorithms that nobody knows',
      vpnXml().replace('aes-128-cbc', 'rot-13'),
      { proposals: 'file' },
      /not known here: leave out --proposals file/,
    ],
  ])('is refused for %s', (_, xml, chosen, reason) => {
    const result = compiled(xml, chosen);
    expect(result.ok ? [] : result.error).toEqual([expect.stringMatching(reason)]);
  });

  it('as the file asks is as weak as the file, once', () => {
    const ipsec = ipsecOf(vpnXml(), { proposals: 'file' });
    expect(ipsec?.ike?.proposals).toEqual(['aes128-sha1-modp1024']);
    expect(ipsec?.esp?.proposals).toEqual(['aes128-sha1-modp1024']);
    expect(imported(vpnXml(), { proposals: 'file' }).notes).toContainEqual(
      expect.stringMatching(/^written is IKE aes128-sha1-modp1024, ESP aes128-sha1-modp1024, always/),
    );
  });

  it('has the shorter lifetime and the more impatient dead peer detection of its tunnels', () => {
    const ipsec = ipsecOf(vpnXml().replace('<lifetime>28800', '<lifetime>3600').replace('<retries>3', '<retries>2'));
    expect(ipsec?.ike?.lifetime).toBe('3600s');
    expect(ipsec?.dpd).toEqual({ delay: '10s', timeout: '20s' });
  });

  it.each(['0.0.0.0', ''])('leaves its identity open where the customer gateway has no address (%j)', (none) => {
    expect(ipsecOf(vpnXml().replaceAll('203.0.113.12', none))).not.toHaveProperty('localID');
  });

  it('says its identity for each tunnel where they differ', () => {
    const ipsec = ipsecOf(vpnXml().replace('203.0.113.12', '203.0.113.13'));
    expect(ipsec?.localID).toBeUndefined();
    expect(ipsec?.tunnels.map(({ localID }) => localID)).toEqual(['203.0.113.13', '203.0.113.12']);
  });

  it.each<[string, string, RegExp]>([
    ['what the file asks for', vpnXml(), /asks for IKE aes-128-cbc sha1 group2 28800 s/],
    ['what is written', vpnXml(), /written is IKE aes256gcm16-prfsha384-ecp384, ESP aes256gcm16-ecp384/],
    ['that one tunnel is too few', vpnXml([firstTunnel]), /one tunnel/],
    ['a transit gateway', vpnXml().replaceAll('vpn_gateway_id', 'transit_gateway_id'), /no profile/],
    ['a gateway without a name', vpnXml().replaceAll('vpn_gateway_id', 'other_id'), /taken for a virtual private one/],
  ])('comes with a note of %s', (_, xml, note) => {
    expect(imported(xml).notes).toContainEqual(expect.stringMatching(note));
  });
});

describe("AWS's words in strongSwan's", () => {
  it.each<
    [encryption: string, ike: string, esp: string, group: string, proposals: readonly [string, string] | undefined]
  >([
    ['aes-128-cbc', 'sha1', 'hmac-sha1-96', 'group2', ['aes128-sha1-modp1024', 'aes128-sha1-modp1024']],
    ['aes-256-cbc', 'sha2-256', 'hmac-sha2-256-128', 'group14', ['aes256-sha256-modp2048', 'aes256-sha256-modp2048']],
    ['aes256-gcm-16', 'sha2-384', 'sha2-384', 'group20', ['aes256gcm16-prfsha384-ecp384', 'aes256gcm16-ecp384']],
    ['aes-256-cbc', 'sha512', 'sha512', 'group21', ['aes256-sha512-ecp521', 'aes256-sha512-ecp521']],
    ['3des-cbc', 'sha1', 'hmac-sha1-96', 'group2', undefined],
    ['aes-128-cbc', 'md5', 'hmac-md5-96', 'group2', undefined],
    ['aes-128-cbc', 'sha1', 'hmac-sha1-96', 'group99', undefined],
  ])('%s %s %s %s', (encryption, ike, esp, group, expected) => {
    const asked = { encryption, group, lifetime: undefined };
    const proposals = strongswanProposals({ ...asked, integrity: ike }, { ...asked, integrity: esp });
    expect(proposals && [proposals.ike, proposals.esp]).toEqual(expected);
  });
});
