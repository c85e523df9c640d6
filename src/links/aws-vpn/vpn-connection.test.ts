/** What a VPN connection's XML may look like, and what is said, and where, of that which it may not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printAddress } from '../../net/address.ts';
import { firstTunnel, secondTunnel, staticVpnXml, vpnXml } from './vpn-connection.fixture.ts';
import { parseVpnConnection, type VpnConnection } from './vpn-connection.ts';
import type { XmlProblem } from './xml-tree.ts';

function parsed(text: string): VpnConnection {
  const connection = parseVpnConnection(text);
  if (!connection.ok) throw new Error(JSON.stringify(connection.error));
  return connection.value;
}

function problems(text: string): readonly XmlProblem[] {
  const connection = parseVpnConnection(text);
  return connection.ok ? [] : connection.error;
}

describe('a VPN connection', () => {
  it('has two tunnels, their keys and one session each', () => {
    const connection = parsed(vpnXml());
    expect(connection).toMatchObject({
      id: 'vpn-0a1b2c3d4e5f60718',
      gateway: { kind: 'virtual-private', id: 'vgw-0123456789abcdef0' },
      bgp: { localAs: 65_010, peerAs: 64_512, holdTime: 30 },
    });
    const tunnels = connection.tunnels.map((tunnel) => ({
      outside: printAddress(tunnel.peerOutside),
      peerInside: printAddress(tunnel.peerInside),
      localInside: printAddress(tunnel.localInside.address),
      key: tunnel.preSharedKey,
    }));
    expect(tunnels).toEqual([firstTunnel, secondTunnel]);
    expect(connection.tunnels[0]).toMatchObject({
      localInside: { length: 30 },
      ike: { encryption: 'aes-128-cbc', integrity: 'sha1', group: 'group2', lifetime: 28_800 },
      esp: { encryption: 'aes-128-cbc', integrity: 'hmac-sha1-96', group: 'group2', lifetime: 3600 },
      deadPeer: { interval: 10, retries: 3 },
    });
  });

  it('is the same in whatever order its tunnels stand', () => {
    expect(parsed(vpnXml([secondTunnel, firstTunnel]))).toEqual(parsed(vpnXml()));
  });

  it('without BGP is static', () => {
    expect(parsed(staticVpnXml()).bgp).toBeUndefined();
  });

  it('may end in a transit gateway', () => {
    const xml = vpnXml().replaceAll('vpn_gateway_id', 'transit_gateway_id').replace('vgw-', 'tgw-');
    expect(parsed(xml).gateway).toEqual({ kind: 'transit', id: 'tgw-0123456789abcdef0' });
  });

  it('is held as long as the shorter hold time says', () => {
    expect(parsed(vpnXml().replace('<hold_time>30', '<hold_time>24')).bgp?.holdTime).toBe(24);
  });

  it.each<[string, (xml: string) => string]>([
    ['white space around every value', (xml) => xml.replaceAll(/>([^<\s]+)</g, '>\n\t $1 \r\n<')],
    ['no white space at all', (xml) => xml.replaceAll(/>\s+</g, '><')],
    ['lines that end in CR LF', (xml) => xml.replaceAll('\n', '\r\n')],
    ['a byte order mark', (xml) => `\ufeff${xml}`],
    ['comments and processing instructions', (xml) => xml.replaceAll('<ike>', '<!-- a --><?b c?><ike>')],
    ['values in CDATA', (xml) => xml.replaceAll(/>([^<\s]+)</g, '><![CDATA[$1]]><')],
    ['elements nobody knows', (xml) => xml.replaceAll('<ike>', '<new_in_2030><ike/></new_in_2030><ike>')],
    ['masks without lengths', (xml) => xml.replaceAll('<network_cidr>30</network_cidr>', '')],
    ['lengths without masks', (xml) => xml.replaceAll('<network_mask>255.255.255.252</network_mask>', '')],
    ['no hold times', (xml) => xml.replaceAll('<hold_time>30</hold_time>', '')],
    ['references to characters', (xml) => xml.replaceAll('169.254.44', '169&#46;254&#x2e;44')],
  ])('reads the same with %s', (_, change) => {
    const changed = change(vpnXml());
    expect(changed).not.toBe(vpnXml());
    expect(parsed(changed)).toEqual(parsed(vpnXml()));
  });

  it.each<[string, RegExp, (tunnel: VpnConnection['tunnels'][number] | undefined) => unknown]>([
    ['a key', /<pre_shared_key>.*?<\/pre_shared_key>/g, (tunnel) => tunnel?.preSharedKey],
    ['dead peer detection', /<dead_peer_detection>.*?<\/dead_peer_detection>/g, (tunnel) => tunnel?.deadPeer],
    ['lifetimes', /<lifetime>.*?<\/lifetime>/g, (tunnel) => tunnel?.ike.lifetime ?? tunnel?.esp.lifetime],
    ['all of ipsec', /<ipsec>[\s\S]*?<\/ipsec>/g, (tunnel) => tunnel?.esp.encryption],
    [
      'the outside address of the customer',
      /(?<=<customer_gateway>\s*)<tunnel_outside_address>.*?<\/tunnel_outside_address>/g,
      (tunnel) => tunnel?.localOutside,
    ],
  ])('may come without %s', (_, part, value) => {
    const whole = parsed(vpnXml());
    const reduced = parsed(vpnXml().replaceAll(part, ''));
    expect(value(whole.tunnels[0])).toBeDefined();
    expect(reduced.tunnels.map(value)).toEqual([undefined, undefined]);
  });
});

/** The first place where the text stands in the XML, as line:column. */
function placeIn(xml: string, text: string): string {
  const before = xml.slice(0, xml.indexOf(text)).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

describe('a wrong value is told with its place:', () => {
  it.each<[what: string, from: string, to: string, at: string, reason: RegExp]>([
    ['an id that is none', 'id="vpn-0a1b2c3d4e5f60718"', 'id="1"', '<vpn_connection', /"1" is no id/],
    ['no id', ' id="vpn-0a1b2c3d4e5f60718"', '', '<vpn_connection', /id .* is missing/],
    ['another type', 'ipsec.1', 'ipsec.2', '<vpn_connection_type', /"ipsec\.2" is not "ipsec\.1"/],
    ['an address that is none', '198.51.100.7<', '198.51.100.777<', '<ip_address>198', /is no IP address/],
    ['no outside address', '<ip_address>198.51.100.7</ip_address>', '', '<tunnel_outside_address></', /is missing/],
    ['an inside address from elsewhere', '169.254.44.42', '10.0.0.2', '<ip_address>10', /neither in 169\.254/],
    ['one that AWS keeps', '169.254.44.42', '169.254.5.2', '<ip_address>169.254.5.2', /169\.254\.5\.0\/30/],
    ['one where a VPC answers', '169.254.44.42', '169.254.169.253', '<ip_address>169.254.169', /keeps for itself/],
    ['the address of the subnet', '169.254.44.42', '169.254.44.40', '<ip_address>169.254.44.40', /no host of/],
    [
      'ends in two subnets',
      '169.254.44.41',
      '169.254.44.45',
      '<ip_address>169.254.44.45',
      /is not in 169\.254\.44\.40/,
    ],
    [
      'a length of another net',
      '<network_cidr>30',
      '<network_cidr>29',
      '<network_mask>',
      /is \/30, and network_cidr \/29/,
    ],
    ['a mask that is none', '255.255.255.252', '255.0.255.252', '<network_mask>255.0', /is no network mask/],
    ['an AS number that is none', '<asn>65010', '<asn>4294967296', '<asn>4294967296', /is no AS number/],
    ['AS 0', '<asn>65010', '<asn>0', '<asn>0', /is no AS number/],
    ['no AS number', '<asn>65010</asn>', '', '<bgp>', /is missing: .*NoBGPVPNConnection/],
    ["the gateway's AS at both ends", '<asn>65010', '<asn>64512', '<asn>64512', /the gateway's too/],
    ['a hold time of two seconds', '<hold_time>30', '<hold_time>2', '<hold_time>2<', /from 3 to 65535/],
    ['a lifetime in words', '<lifetime>28800', '<lifetime>eight hours', '<lifetime>eight', /no whole number/],
    ['a lifetime that AWS lacks', '<lifetime>3600', '<lifetime>3601', '<lifetime>3601', /from 900 to 3600/],
    ['a negative interval', '<interval>10', '<interval>-1', '<interval>-1', /no whole number/],
    ['a short key', firstTunnel.key, 'short', '<pre_shared_key>short', /has 5 characters/],
    ['a key of other characters', firstTunnel.key, 'with a space', '<pre_shared_key>with', /something else than/],
    ['a key that is an element', firstTunnel.key, '<a>key</a>', '<pre_shared_key><a', /holds elements/],
    ['a key with a 0 in front', firstTunnel.key, `0${firstTunnel.key}`, '<pre_shared_key>0', /begins with 0/],
    ['two keys', '<ike>', '<ike><pre_shared_key>another_key</pre_shared_key>', '<pre_shared_key>first', /stands twice/],
  ])('%s', (_, from, to, at, reason) => {
    const xml = vpnXml([firstTunnel]).replace(from, to);
    const told = problems(xml);
    expect(told.map(({ line, column }) => `${line}:${column}`)).toEqual([placeIn(xml, at)]);
    expect(told[0]?.reason).toMatch(reason);
    expect(JSON.stringify(told)).not.toContain('with a space');
  });

  it('ends that are one', () => {
    const told = problems(vpnXml([{ ...firstTunnel, peerInside: firstTunnel.localInside }]));
    expect(told.map(({ reason }) => reason)).toEqual(["169.254.44.42 is the customer's end too"]);
    expect(told[0]?.path).toBe('vpn_connection/ipsec_tunnel[1]/vpn_gateway/tunnel_inside_address/ip_address');
  });

  it('no tunnel', () => {
    expect(problems(vpnXml([]))).toMatchObject([{ line: 2, column: 1, reason: 'has no ipsec_tunnel' }]);
  });

  it('two tunnels to one address', () => {
    const told = problems(vpnXml([firstTunnel, { ...secondTunnel, outside: firstTunnel.outside }]));
    expect(told.map(({ reason }) => reason)).toEqual(["198.51.100.7 is another tunnel's too"]);
  });

  it('tunnels in different AS', () => {
    const told = problems(vpnXml().replace('<asn>64512', '<asn>64513'));
    expect(told.map(({ reason }) => reason)).toEqual(['AS 64512 is not that of the first tunnel, 64513']);
  });

  it('several at once, in the order of the file', () => {
    const xml = vpnXml()
      .replace('<interval>10', '<interval>x')
      .replace('169.254.44.42', '1.2.3')
      .replace('<asn>64512', '<asn>-')
      .replace('198.51.100.77', '');
    const lines = problems(xml).map(({ line }) => line);
    expect(lines).toHaveLength(4);
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  });
});

/** As it is after having been read as UTF-8, little end first. */
function utf16(text: string): string {
  const bytes = Uint8Array.from(
    [...text].flatMap((letter) => [letter.charCodeAt(0) & 0xff, letter.charCodeAt(0) >> 8]),
  );
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

describe('a text that is no such XML is refused:', () => {
  const bomb = `<!DOCTYPE a [<!ENTITY a "${'x'.repeat(9)}"><!ENTITY b "&a;&a;&a;">]>`;
  const external = '<!DOCTYPE a SYSTEM "file:///etc/passwd">';
  it.each<[what: string, text: string, first: Partial<XmlProblem>, reason: RegExp]>([
    ['nothing', ' \n ', { line: 1, column: 1 }, /^is empty/],
    ['JSON', '{"VpnConnections": []}', { line: 1, column: 1 }, /is JSON.*jq/],
    ['UTF-16 with its mark', utf16(`\ufeff${vpnXml()}`), { line: 1, column: 1 }, /is UTF-16.*iconv/],
    ['UTF-16 without', utf16(vpnXml()), { line: 1, column: 1 }, /is UTF-16/],
    ['XML in XML', vpnXml().replaceAll('<', '&lt;'), { line: 1, column: 1 }, /is escaped/],
    ['prose', 'Unable to locate credentials', { line: 1 }, /no well-formed XML/],
    ['another document', '<a><b/></a>', { line: 1, column: 1 }, /begins with "a"/],
    ['a list of connections', `<all>${'<vpn_connection/>'.repeat(3)}</all>`, {}, /holds 3 connections/],
    ['two connections', `${vpnXml()}<vpn_connection/>`, {}, /second document begins/],
    ['half a file', vpnXml().slice(0, 900), {}, /no well-formed XML: unclosed tag/],
    ['tags that cross', '<a><b></a></b>', { path: 'a' }, /no well-formed XML/],
    ['an entity that nobody defined', '<a>&lol9;</a>', { line: 1, path: 'a' }, /undefined entity/],
    ['a document type with entities', `${bomb}<vpn_connection/>`, { line: 1, column: 1 }, /DTD/],
    ['a document type elsewhere', `${external}<vpn_connection/>`, { line: 1, column: 1 }, /DTD/],
    ['a tower', '<a>'.repeat(100_000), { path: Array(32).fill('a').join('/') }, /deeper than 32/],
    ['more than 1 MiB', `<a>${'x'.repeat(10_000_000)}</a>`, { line: 1, column: 1 }, /larger than 1 MiB/],
    ['bytes', '\u0000\u0001\ufffd\u0002', { line: 1 }, /no well-formed XML/],
  ])('%s', (_, text, first, reason) => {
    const told = problems(text);
    expect(told[0]).toMatchObject(first);
    expect(told[0]?.reason).toMatch(reason);
  });

  it.each<[string, string, number]>([
    ['a tower', '<a>'.repeat(300_000), 1],
    ['long names', `<${'a'.repeat(100_000)}><${'b'.repeat(100_000)}></c>`, 3],
  ])('in few words, however long it is: %s', (_, text, count) => {
    const told = problems(text);
    expect(told).toHaveLength(count);
    expect(JSON.stringify(told).length).toBeLessThan(2000);
  });

  it('with twenty problems at most, and no more tunnels than there can be', () => {
    const empty = '<ipsec_tunnel/>';
    const tunnels = (count: number) =>
      problems(`<vpn_connection id="vpn-0a1b2c3d">${empty.repeat(count)}</vpn_connection>`);
    expect(tunnels(8)).toHaveLength(20);
    expect(tunnels(60_000).map(({ reason }) => reason)).toEqual(['has 60000 tunnels: AWS makes two of a connection']);
    expect(problems(`<a>${'&x;'.repeat(1000)}</a>`)).toHaveLength(20);
  });

  it('at the entity, not after the file', () => {
    expect(problems('<a>\n  &x;\n</a>')).toMatchObject([{ line: 2, column: 5 }]);
  });

  it('without ever throwing, and without a word of a key', () => {
    const xml = vpnXml();
    const edit = fc.tuple(fc.nat(xml.length), fc.nat(20), fc.string({ maxLength: 8, unit: 'binary' }));
    const mutated = fc
      .array(edit, { minLength: 1, maxLength: 6 })
      .map((edits) =>
        edits.reduce((text, [at, cut, piece]) => `${text.slice(0, at)}${piece}${text.slice(at + cut)}`, xml),
      );
    fc.assert(
      fc.property(mutated, (text) => {
        const connection = parseVpnConnection(text);
        if (connection.ok) return;
        expect(connection.error.length).toBeGreaterThan(0);
        const told = JSON.stringify(connection.error);
        for (const { key } of [firstTunnel, secondTunnel]) expect(told).not.toContain(key.slice(0, 8));
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
