/** What can never work with a cloud's end is refused where it is written. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { expectOneProblem, type Row } from './validation.fixture.ts';

function attachment(
  profile: string,
  bgp: string,
  addresses = 'local: [169.254.9.2/30], remote: [169.254.9.1]',
): string {
  const named = profile === '' ? '' : `profile: ${profile}\n`;
  const spec = `router: r\nsite: s\nlink: {interface: {name: eth1}}\n${named}addresses: {${addresses}}\nbgp: {${bgp}}`;
  return manifest('Attachment', spec);
}

const six = 'local: ["fd00::2/64"], remote: ["fd00::1"]';

describe('a profile refuses', () => {
  it.each<Row>([
    [
      'hops to Direct Connect',
      attachment('aws-dx-private-vif', 'asNumber: 1, multihop: 3'),
      'spec.bgp.multihop',
      '3',
      /TTL 1/,
    ],
    [
      'GTSM towards Direct Connect',
      attachment('aws-dx-private-vif', 'asNumber: 1, ttlSecurity: 2'),
      'spec.bgp.ttlSecurity',
      '2',
      /GTSM drops/,
    ],
    [
      'no hold time at Direct Connect',
      attachment('aws-dx-private-vif', 'asNumber: 1, holdTime: 0s'),
      'spec.bgp.holdTime',
      '0s',
      /3s or more/,
    ],
    [
      'a scope on a private interface',
      attachment('aws-dx-private-vif', 'asNumber: 1, communities: ["7224:9200"]'),
      'spec.bgp.communities[0]',
      '"7224:9200"',
      /public virtual interface/,
    ],
    [
      'two preferences on one route',
      attachment('aws-dx-private-vif', 'asNumber: 1, communities: ["7224:7100", "7224:7300"]'),
      'spec.bgp.communities',
      '["7224:7100"',
      /exclude each other/,
    ],
    [
      'communities as preference elsewhere',
      attachment('', 'asNumber: 1, preferenceBy: communities'),
      'spec.bgp.preferenceBy',
      'communities',
      /only Direct Connect/,
    ],
    [
      'waiting for a Route Server',
      attachment('aws-route-server', 'asNumber: 1, passive: true'),
      'spec.bgp.passive',
      'true',
      /open the session/,
    ],
    [
      'IPv6 to a virtual private gateway',
      attachment('aws-vgw-vpn', 'asNumber: 1', six),
      'spec.addresses.remote[0]',
      '"fd00::1"',
      /no IPv6/,
    ],
    [
      'IPv6 prefixes to a virtual private gateway',
      attachment('aws-vgw-vpn', 'asNumber: 1, families: [ipv4, ipv6]'),
      'spec.bgp.families',
      '[ipv4',
      /no IPv6 prefixes/,
    ],
    [
      'an IPv6 session to Transit Gateway Connect',
      attachment('aws-tgw-connect', 'asNumber: 1', six),
      'spec.addresses.remote[0]',
      '"fd00::1"',
      /over IPv4/,
    ],
    [
      'Transit Gateway Connect on the link',
      attachment('aws-tgw-connect', 'asNumber: 1, multihop: 1'),
      'spec.bgp.multihop',
      '1',
      /two hops/,
    ],
    [
      "Azure's own AS",
      attachment('azure-route-server', 'asNumber: 65515, localASNumber: 65517'),
      'spec.bgp.localASNumber',
      '65517',
      /reserved/,
    ],
    [
      'an AS of 32 bits at Azure',
      attachment('azure-route-server', 'asNumber: 65515, localASNumber: 4200000000'),
      'spec.bgp.localASNumber',
      '4200000000',
      /16 bits/,
    ],
    [
      'an Azure Route Server on the link',
      attachment('azure-route-server', 'asNumber: 65515, multihop: 1'),
      'spec.bgp.multihop',
      '1',
      /2 or more/,
    ],
    [
      'a strict role without a role',
      attachment('', 'asNumber: 1, strictRole: true'),
      'spec.bgp.strictRole',
      'true',
      /localRole/,
    ],
  ])('%s', (_, text, field, at, reason) => expectOneProblem(text, field, at, reason));
});

describe('a profile warns', () => {
  it.each<[string, string, RegExp]>([
    ['aws-dx-private-vif', 'asNumber: 1, bfd: {minInterval: 50ms}', /no faster than 300ms/],
    ['aws-dx-private-vif', 'asNumber: 1, bfd: {multiplier: 2}', /at least 3/],
    ['aws-dx-private-vif', 'asNumber: 1, families: [ipv4, ipv6]', /a session of its own for each family/],
    ['aws-dx-private-vif', 'asNumber: 1, communities: ["7224:7000"]', /7224:65535 are AWS's own/],
    ['gcp-cloud-router', 'asNumber: 1, bfd: {minInterval: 300ms}', /no faster than 1000ms/],
    ['aws-tgw-connect', 'asNumber: 1, bfd: {}', /no BFD/],
    ['aws-tgw-connect', 'asNumber: 1, gracefulRestart: 120s', /no graceful restart/],
    ['azure-route-server', 'asNumber: 65001', /AS 65515/],
    ['azure-route-server', 'asNumber: 65515, bfd: {}', /no BFD/],
  ])('%s of %s', (profile, bgp, reason) => {
    const { errors, warnings } = parseFile({ path: 'a.yaml', text: attachment(profile, bgp) });
    expect(errors).toEqual([]);
    expect(warnings.map((warning) => warning.reason)).toEqual([expect.stringMatching(reason)]);
  });

  it('not of what is right', () => {
    const text = attachment('azure-route-server', 'asNumber: 65515', 'local: [10.0.0.4/24], remote: [10.0.9.4]');
    expect(parseFile({ path: 'a.yaml', text })).toMatchObject({ errors: [], warnings: [] });
  });
});
