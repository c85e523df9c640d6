/** What a link cannot be, refused where it is written; what is unwise, warned of. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { expectOneProblem, type Row } from './validation.fixture.ts';

const ends = 'addresses: {local: [169.254.9.2/30], remote: [169.254.9.1]}';
const psk = 'psk: {secretRef: {name: vpn, key: psk}}';
const certificate =
  'certificate: {certificate: {secretRef: {name: c, key: crt}}, privateKey: {secretRef: {name: c, key: key}}, authority: {secretRef: {name: c, key: ca}}}';

const attachment = (link: string, more = ends): string =>
  manifest('Attachment', `router: r\nsite: s\nlink: {${link}}\nbgp: {asNumber: 1}\n${more}`);
const ipsec = (settings: string, more = ends): string =>
  attachment(`ipsec: {${settings}, tunnels: [{remoteAddress: 203.0.113.1}]}`, more);
const vlan = (more: string): string => attachment('vlan: {parent: eth1, id: 101}', more);
const wireguard = (settings: string): string =>
  attachment(`wireguard: {peerPublicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ${settings}}`);
const inside = (local: string, remote: string): string => `addresses: {local: ["${local}"], remote: ["${remote}"]}`;

describe('a link is refused', () => {
  it.each<Row>([
    [
      'without a key',
      attachment('ipsec: {tunnels: [{remoteAddress: 203.0.113.1}]}'),
      'spec.link.ipsec.tunnels[0]',
      '{remote',
      /psk nor certificate/,
    ],
    [
      'with a key in the place of where it is',
      ipsec('psk: swordfish'),
      'spec.link.ipsec.psk',
      'swordfish',
      /^a secret is never written here: write \{secretRef: \{name, key\}\}(?!.*swordfish)/,
    ],
    [
      'with a key and a certificate',
      ipsec(`${psk}, ${certificate}`),
      'spec.link.ipsec.certificate',
      'certificate',
      /conflicts with psk/,
    ],
    [
      'from one family to another',
      ipsec(`${psk}, localAddress: "2001:db8::1"`),
      'spec.link.ipsec.tunnels[0].remoteAddress',
      '203.0.113.1',
      /same/,
    ],
    [
      'with DES',
      ipsec(`${psk}, ike: {proposals: [des-sha256-ecp384]}`),
      'spec.link.ipsec.ike.proposals[0]',
      'des',
      /des is broken/,
    ],
    [
      'with a group that is broken',
      ipsec(`${psk}, esp: {proposals: [aes256gcm16-modp768]}`),
      'spec.link.ipsec.esp.proposals[0]',
      'aes256',
      /modp768 is broken/,
    ],
    [
      'without a group for IKE',
      ipsec(`${psk}, ike: {proposals: [aes256gcm16-prfsha384]}`),
      'spec.link.ipsec.ike.proposals[0]',
      'aes256',
      /Diffie-Hellman/,
    ],
    [
      'without a pseudo-random function',
      ipsec(`${psk}, ike: {proposals: [aes256gcm16-ecp384]}`),
      'spec.link.ipsec.ike.proposals[0]',
      'aes256',
      /prfsha384/,
    ],
    [
      'that renews keys without pause',
      ipsec(`${psk}, esp: {lifetime: 9m}`),
      'spec.link.ipsec.esp.lifetime',
      '9m',
      /renewed up to 540s before the end of 540s/,
    ],
    [
      'with a margin longer than a lifetime',
      ipsec(`${psk}, rekeyMargin: 1h`),
      'spec.link.ipsec.rekeyMargin',
      '1h',
      /without pause/,
    ],
    [
      'that gives its peer up before it asks',
      ipsec(`${psk}, dpd: {delay: 30s, timeout: 20s}`),
      'spec.link.ipsec.dpd',
      '{delay',
      /longer timeout/,
    ],
    ['that never asks its peer', ipsec(`${psk}, dpd: {delay: 0s}`), 'spec.link.ipsec.dpd.delay', '0s', /1s or more/],
    ['without a replay window', ipsec(`${psk}, replayWindow: 0`), 'spec.link.ipsec.replayWindow', '0', /32 to 4096/],
    ['to no port', wireguard('endpoint: "203.0.113.1:70000"'), 'spec.link.wireguard.endpoint', '"203', /no port/],
    [
      'to no address',
      wireguard('endpoint: "203.0.113.256:51820"'),
      'spec.link.wireguard.endpoint',
      '"203',
      /no address/,
    ],
    [
      'kept alive all the time',
      wireguard('keepalive: 400ms'),
      'spec.link.wireguard.keepalive',
      '400ms',
      /whole seconds/,
    ],
    [
      'that renews keys as they end',
      ipsec(`${psk}, rekeyMargin: 0s`),
      'spec.link.ipsec.rekeyMargin',
      '0s',
      /end first/,
    ],
    [
      'that lasts for ever',
      ipsec(`${psk}, ike: {lifetime: 99999999999999999999h}`),
      'spec.link.ipsec.ike.lifetime',
      '9999',
      /168h or less/,
    ],
    [
      'of more tunnels than any peer has',
      attachment(
        `ipsec: {${psk}, tunnels: [${Array(65).fill(`{remoteAddress: 203.0.113.1, ${ends}}`).join(', ')}]}`,
        '',
      ),
      'spec.link.ipsec.tunnels',
      '[{remote',
      /65 entries; at most 64/,
    ],
    [
      'with addresses in two places',
      attachment(`ipsec: {${psk}, tunnels: [{remoteAddress: 203.0.113.1, ${ends}}]}`),
      'spec.addresses',
      'addresses',
      /one of the two places/,
    ],
    ['kept alive once a day', wireguard('keepalive: 24h'), 'spec.link.wireguard.keepalive', '24h', /65535s/],
    ['with tag 0', attachment('vlan: {parent: eth1, id: 0}'), 'spec.link.vlan.id', '0', /1 to 4094/],
    ['with tag 4095', attachment('vlan: {parent: eth1, id: 4095}'), 'spec.link.vlan.id', '4095', /1 to 4094/],
    ['that is tagged and over another', vlan(`over: dx\n${ends}`), 'spec.over', 'dx', /only a tunnel/],
    [
      'where AWS has its metadata',
      ipsec(psk, inside('169.254.170.2/30', '169.254.9.1')),
      'spec.addresses.local[0]',
      '"169',
      /169\.254\.168\.0\/22/,
    ],
    ['too small for IPv6', vlan(`mtu: 1200\n${inside('fd00::2/64', 'fd00::1')}`), 'spec.mtu', '1200', /1280/],
    [
      'that is a tunnel called a virtual interface',
      ipsec(psk, `profile: aws-dx-private-vif\n${ends}`),
      'spec.profile',
      'aws',
      /link\.vlan/,
    ],
    [
      'that is WireGuard to a virtual private gateway',
      attachment(
        'wireguard: {peerPublicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}',
        `profile: aws-vgw-vpn\n${ends}`,
      ),
      'spec.profile',
      'aws',
      /IPsec alone/,
    ],
    [
      'with two sessions of one family on a virtual interface',
      vlan('profile: aws-dx-private-vif\naddresses: {local: [192.0.2.2/29], remote: [192.0.2.1, 192.0.2.3]}'),
      'spec.addresses.remote[1]',
      '192.0.2.3',
      /one session/,
    ],
    [
      'with two tunnels of one name',
      attachment(
        `ipsec: {${psk}, tunnels: [{interface: t, remoteAddress: 203.0.113.1, ${ends}}, {interface: t, remoteAddress: 203.0.113.2, ${ends}}]}`,
        '',
      ),
      'spec.link.ipsec.tunnels[1].interface',
      't,',
      /another of these tunnels/,
    ],
    [
      'whose subnet holds what AWS answers at',
      ipsec(psk, inside('169.254.9.2/16', '169.254.9.1')),
      'spec.addresses.local[0]',
      '"169',
      /168\.0\/22/,
    ],
    ...['0.0.0.0', '127.0.0.1', '239.1.2.3', '255.255.255.255', '::', 'fe80::1', 'ff02::1'].map(
      (peer): Row => [
        `to ${peer}`,
        attachment(`ipsec: {${psk}, tunnels: [{remoteAddress: "${peer}"}]}`),
        'spec.link.ipsec.tunnels[0].remoteAddress',
        `"${peer}"`,
        /no address that a machine elsewhere/,
      ],
    ),
    [
      'to nowhere, by WireGuard',
      wireguard('endpoint: "[::]:51820"'),
      'spec.link.wireguard.endpoint',
      '"[::]',
      /elsewhere/,
    ],
    ['from loopback', ipsec(`${psk}, localAddress: 127.0.0.1`), 'spec.link.ipsec.localAddress', '127', /elsewhere/],
    [
      'to itself',
      ipsec(`${psk}, localAddress: 203.0.113.1`),
      'spec.link.ipsec.tunnels[0].remoteAddress',
      '203',
      /another machine/,
    ],
    ['tagged on loopback', attachment('vlan: {parent: lo, id: 5}'), 'spec.link.vlan.parent', 'lo', /no device/],
    [
      'of a name that means all devices',
      wireguard('interface: all'),
      'spec.link.wireguard.interface',
      'all',
      /another name/,
    ],
  ])('%s', (_, text, field, at, reason) => expectOneProblem(text, field, at, reason));
});

const vgw = (settings: string, tunnels: string): string =>
  attachment(`ipsec: {${psk}, ${settings} tunnels: [${tunnels}]}`, 'profile: aws-vgw-vpn');
const one = (peer: string, local: string, remote: string): string =>
  `{remoteAddress: ${peer}, addresses: {local: ["${local}"], remote: ["${remote}"]}}`;
const two = `${one('203.0.113.1', '169.254.9.2/30', '169.254.9.1')}, ${one('203.0.113.2', '169.254.10.2/30', '169.254.10.1')}`;

describe('a link to a virtual private gateway is refused', () => {
  it.each<Row>([
    [
      'with both tunnels to one endpoint',
      vgw('', two.replace('203.0.113.2', '203.0.113.1')),
      'spec.link.ipsec.tunnels[1].remoteAddress',
      '203.0.113.1',
      /the peer of tunnels\[0\] too/,
    ],
    ...[
      ['169.254.5.2/30', '169.254.5.1', /AWS keeps that/],
      ['10.9.0.2/30', '10.9.0.1', /a \/30 of 169/],
      ['169.254.9.2/29', '169.254.9.1', /a \/30 of 169/],
    ].map(
      ([local, remote, reason]): Row => [
        `with ${local} inside`,
        vgw('', one('203.0.113.1', String(local), String(remote))),
        'spec.link.ipsec.tunnels[0].addresses.local[0]',
        `"${local}"`,
        reason as RegExp,
      ],
    ),
    [
      'with IPv6 inside',
      vgw('', '{remoteAddress: 203.0.113.1, addresses: {local: ["fd00::2/126"], remote: ["fd00::1"]}}'),
      'spec.link.ipsec.tunnels[0].addresses.remote[0]',
      '"fd00',
      /speaks no IPv6/,
    ],
    [
      'with a cipher that AWS lacks',
      vgw('esp: {proposals: [chacha20poly1305-ecp384]},', two),
      'spec.link.ipsec.esp.proposals',
      '[chacha',
      /AWS knows AES-128/,
    ],
    [
      'with a group that AWS lacks',
      vgw('ike: {proposals: [aes256gcm16-prfsha384-x25519]},', two),
      'spec.link.ipsec.ike.proposals',
      '[aes',
      /groups 2 and 14 to 24/,
    ],
  ])('%s', (_, text, field, at, reason) => expectOneProblem(text, field, at, reason));

  it('and not where AWS agrees to one of several', () => {
    const text = vgw('ike: {proposals: [aes256gcm16-prfsha384-x25519, aes128-sha256-modp2048]},', two);
    expect(parseFile({ path: 'a.yaml', text })).toMatchObject({ errors: [], warnings: [] });
  });
});

describe('a link is warned of', () => {
  it.each<[string, string, RegExp]>([
    ['a VIF of 9001 bytes', vlan(`mtu: 9001\nprofile: aws-dx-private-vif\n${ends}`), /1500 or 8500 bytes, not 9001 \(/],
    ['a VIF of 1400 bytes', vlan(`mtu: 1400\nprofile: aws-dx-private-vif\n${ends}`), /1500 or 8500 bytes, not 1400$/],
    ['a small group', ipsec(`${psk}, esp: {proposals: [aes128-sha256-modp1024]}`), /modp1024 is weak/],
    ['SHA-1', ipsec(`${psk}, ike: {proposals: [aes256-sha1-modp2048]}`), /sha1 is weak/],
    ['ESP without a group', ipsec(`${psk}, esp: {proposals: [aes256gcm16-noesn]}`), /learns those that follow/],
    ['keys that are renewed late', ipsec(`${psk}, rekeyMargin: 5s`), /may end first/],
    ['ESP that outlives IKE', ipsec(`${psk}, ike: {lifetime: 1h}, esp: {lifetime: 2h}`), /outlives/],
    ['the address of a local DNS', ipsec(psk, inside('169.254.20.9/30', '169.254.20.9')), /local DNS/],
    ['a gateway of AWS that is to open the tunnel', vgw('initiate: false,', two), /AWS waits for the customer's end/],
    ['an end that AWS sees as another', vgw('localAddress: 10.0.0.4,', two), /as localID/],
    ['a peer that may be anybody', ipsec(`${certificate}, remoteID: "%any"`), /whoever has a certificate/],
    ['segments that do not fit', vlan(`mtu: 1400\nmssClamp: 1400\n${ends}`), /write 1360 or less/],
  ])('%s', (_, text, reason) => {
    const { warnings } = parseFile({ path: 'a.yaml', text });
    expect(warnings.map((warning) => warning.reason)).toEqual([expect.stringMatching(reason)]);
  });
});

it('nothing is said of what is right', () => {
  const texts = [
    ipsec(psk),
    ipsec(certificate),
    ipsec(`${psk}, ike: {proposals: [aes256-sha384-ecp384]}, esp: {proposals: [aes256-sha384-ecp384]}`),
    ipsec(psk, `over: dx\nmtu: 1400\nmssClamp: 1360\n${ends}`),
    vlan(`mtu: 8500\nprofile: aws-dx-private-vif\n${ends}`),
    vlan(
      'profile: aws-dx-private-vif\naddresses: {local: [192.0.2.2/30, "fd00::2/64"], remote: [192.0.2.1, "fd00::1"]}',
    ),
    wireguard('endpoint: "[2001:db8::1]:51820", keepalive: 0s'),
    wireguard('listenPort: 51821'),
    // Addresses as AWS gives them to virtual interfaces: no VLAN leads into a VPC.
    vlan(inside('169.254.170.2/30', '169.254.170.1')),
  ];
  for (const text of texts) expect(parseFile({ path: 'a.yaml', text })).toMatchObject({ errors: [], warnings: [] });
});
