/** Our own kinds: what is refused, where and why, and what passes. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { expectOneProblem, type Row, specOf } from './validation.fixture.ts';

describe('our own kinds', () => {
  const attachment = (spec: string): string => manifest('Attachment', `router: r\nsite: s\n${spec}`);
  const link = 'link: {interface: {name: eth1}}\n';
  const ends = 'addresses: {local: [192.0.2.1/30], remote: [192.0.2.2]}\n';
  it.each<Row>([
    ['a Router of AS 0', manifest('Router', 'asNumber: 0'), 'spec.asNumber', '0', /reserved/],
    [
      'a Router ID of zero',
      manifest('Router', 'asNumber: 1\nrouterID: 0.0.0.0'),
      'spec.routerID',
      '0.0.0.0',
      /other than 0\.0\.0\.0/,
    ],
    ['a Router without AS', manifest('Router', 'role: edge'), 'spec.asNumber', 'role', /required/],
    [
      'an interface twice',
      manifest('Router', 'asNumber: 1\ninterfaces: [{name: a}, {name: a}]'),
      'spec.interfaces[1].name',
      'a}',
      /already listed/,
    ],
    [
      'a bare interface address',
      manifest('Router', 'asNumber: 1\ninterfaces: [{name: a, addresses: [10.0.0.1]}]'),
      'spec.interfaces[0].addresses[0]',
      '10.0.0.1',
      /address and length/,
    ],
    ['a Site without type', manifest('Site', 'prefixes: [10.0.0.0/8]'), 'spec.type', 'prefixes', /required/],
    [
      'an unquoted AWS account',
      manifest('Site', 'type: vpc\nprovider: {aws: {account: 123456789012}}'),
      'spec.provider.aws.account',
      '123456789012',
      /must be text/,
    ],
    [
      'two links',
      attachment(`link: {interface: {name: a}, vlan: {parent: a, id: 5}}\n${ends}static: {prefixes: [10.0.0.0/8]}`),
      'spec.link.vlan',
      'vlan',
      /conflicts with interface/,
    ],
    ['no link', attachment(`link: {}\n${ends}static: {prefixes: [10.0.0.0/8]}`), 'spec.link', '{}', /exactly one of/],
    [
      'VLAN 4095',
      attachment('link: {vlan: {parent: a, id: 4095}}\nstatic: {prefixes: [10.0.0.0/8]}'),
      'spec.link.vlan.id',
      '4095',
      /1 to 4094/,
    ],
    [
      'static and bgp',
      attachment(`${link}${ends}bgp: {asNumber: 1}\nstatic: {prefixes: [10.0.0.0/8]}`),
      'spec.static',
      'static',
      /conflicts with bgp/,
    ],
    ['neither static nor bgp', attachment(link), 'spec', 'router', /bgp or static is needed/],
    [
      'bgp without addresses',
      attachment(`${link}bgp: {asNumber: 1}`),
      'spec.addresses',
      'router',
      /two ends of the session/,
    ],
    [
      'a second tunnel without inside addresses',
      attachment(
        `link: {ipsec: {psk: {secretRef: {name: vpn, key: psk}}, tunnels: [{remoteAddress: 198.51.100.1, ${ends.trim()}}, {remoteAddress: 198.51.100.2}]}}\nbgp: {asNumber: 1}`,
      ),
      'spec.link.ipsec.tunnels[1].addresses',
      '{remoteAddress: 198.51.100.2',
      /write both, or localAddress and remoteAddress/,
    ],
    [
      'a tunnel whose ends are the same',
      attachment(
        'link: {ipsec: {psk: {secretRef: {name: vpn, key: psk}}, tunnels: [{remoteAddress: 198.51.100.1, addresses: {local: [192.0.2.1/30], remote: [192.0.2.1]}}]}}\nbgp: {asNumber: 1}',
      ),
      'spec.link.ipsec.tunnels[0].addresses.remote[0]',
      '192.0.2.1]',
      /must differ/,
    ],
    [
      'ends of different families',
      attachment(`${link}addresses: {local: [192.0.2.1/30], remote: ["fd00::1"]}\nbgp: {asNumber: 1}`),
      'spec.addresses.remote',
      '[',
      /share no address family/,
    ],
    [
      'a remote with length',
      attachment(`${link}addresses: {local: [192.0.2.1/30], remote: [192.0.2.2/30]}\nstatic: {prefixes: [10.0.0.0/8]}`),
      'spec.addresses.remote[0]',
      '192.0.2.2/30',
      /without a "\/" length/,
    ],
    [
      'the same address at both ends',
      attachment(`${link}addresses: {local: [192.0.2.1/30], remote: [192.0.2.1]}\nbgp: {asNumber: 1}`),
      'spec.addresses.remote[0]',
      '192.0.2.1',
      /must differ/,
    ],
    [
      'a hold time of two seconds',
      attachment(`${link}${ends}bgp: {asNumber: 1, holdTime: 2s}`),
      'spec.bgp.holdTime',
      '2s',
      /3s to 65535s/,
    ],
    [
      'keepalives that do not fit',
      attachment(`${link}${ends}bgp: {asNumber: 1, holdTime: 9s, keepaliveTime: 4s}`),
      'spec.bgp.keepaliveTime',
      '4s',
      /at least three/,
    ],
    [
      'GTSM with multihop',
      attachment(`${link}${ends}bgp: {asNumber: 1, ttlSecurity: 1, multihop: 2}`),
      'spec.bgp.multihop',
      'multihop',
      /conflicts/,
    ],
    [
      'a limit of nothing',
      attachment(`${link}${ends}bgp: {asNumber: 1, maxPrefixes: {import: {ipv4: {limit: 0}}}}`),
      'spec.bgp.maxPrefixes.import.ipv4.limit',
      '0',
      /1 to/,
    ],
    [
      'an assertion about two things at once',
      manifest('Assertion', 'from: {site: a, nets: [10.0.0.0/8]}\nto: {site: b}\nexpect: Deny'),
      'spec.from.site',
      'site',
      /conflicts|nets/,
    ],
    [
      'asserted ports without protocol',
      manifest('Assertion', 'from: {site: a}\nto: {site: b}\nports: [80]\nexpect: Deny'),
      'spec.ports',
      'ports',
      /need protocol/,
    ],
    [
      'a LabelSource of two sources',
      manifest('LabelSource', 'aws: {}\netcd: {endpoints: ["https://a:2379"]}'),
      'spec.etcd',
      'etcd',
      /conflicts with aws/,
    ],
    [
      'a Segment that names another twice',
      manifest('Segment', 'exchangeWith: [a, a]'),
      'spec.exchangeWith[1]',
      'a]',
      /twice/,
    ],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('keeps what is said explicitly even when it is false', () => {
    expect(
      specOf(
        attachment(
          `${link}${ends}mssClamp: false\nbgp: {asNumber: 65010, nextHopSelf: false, bfd: off, gracefulRestart: 120s}`,
        ),
      ),
    ).toMatchObject({
      mssClamp: false,
      bgp: { nextHopSelf: false, bfd: 'off', gracefulRestart: '120s' },
    });
  });

  it('keeps empty lists of management: they mean nobody, not anybody', () => {
    expect(specOf(manifest('Router', 'asNumber: 1\nmanagement: {allowFrom: [], interfaces: []}'))).toMatchObject({
      management: { allowFrom: [], interfaces: [] },
    });
  });

  it('warns of a peer off the link', () => {
    const text = attachment(`${link}addresses: {local: [192.0.2.1/30], remote: [198.51.100.1]}\nbgp: {asNumber: 1}`);
    expect(parseFile({ path: 'f', text }).warnings).toMatchObject([
      { field: 'spec.addresses.remote[0]', reason: expect.stringMatching(/multihop/) },
    ]);
  });
});
