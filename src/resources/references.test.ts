/** What resources say about each other: every check, one case that it finds and one that it leaves alone. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { checkReferences } from './references.ts';
import { makeSnapshot } from './snapshot.ts';

function check(...manifests: string[]): ReturnType<typeof checkReferences> {
  const { resources, errors } = parseFile({ path: 'f.yaml', text: manifests.join('---\n') });
  expect(errors).toEqual([]);
  return checkReferences(makeSnapshot(resources));
}

const router = (name: string, spec = ''): string => manifest('Router', `asNumber: 64520\n${spec}`, name);
const site = (name: string, spec = ''): string => manifest('Site', `type: vpc\n${spec}`, name);
const attachment = (name: string, spec: string): string =>
  manifest('Attachment', `router: r1\nsite: a\nlink: {interface: {name: eth1}}\n${spec}`, name);
const hep = (name: string, spec: string): string =>
  manifest('HostEndpoint', `node: r1\n${spec}`, name).replace('metadata:', 'metadata:\n  labels: {role: edge}');
const policy = (name: string, spec: string): string => manifest('GlobalNetworkPolicy', spec, name);
const peer = (name: string, spec: string): string => manifest('BGPPeer', spec, name);
const bgpAttachment = (extra: string): string =>
  attachment('x', `addresses: {local: [192.0.2.1/30], remote: [192.0.2.2]}\nbgp: {asNumber: 65010${extra}}`);

describe('errors', () => {
  it.each<[string, string[], string, RegExp]>([
    ['a policy in a tier that is not there', [policy('p', 'tier: net')], 'spec.tier', /tier net does not exist/],
    [
      'a BGPPeer with a missing filter',
      [peer('p', 'peerIP: 10.0.0.1\nasNumber: 1\nfilters: [f]')],
      'spec.filters[0]',
      /BGPFilter f does not exist/,
    ],
    [
      'an Attachment with a missing filter',
      [router('r1'), site('a'), bgpAttachment(', exportFilters: [f]')],
      'spec.bgp.exportFilters[0]',
      /BGPFilter f does not exist/,
    ],
    ['a peer of unknown AS', [peer('p', 'peerIP: 10.0.0.1')], 'spec.peerIP', /asNumber is needed/],
    ['an Attachment to no Router', [site('a'), bgpAttachment('')], 'spec.router', /Router r1 does not exist/],
    ['an Attachment to no Site', [router('r1'), bgpAttachment('')], 'spec.site', /Site a does not exist/],
    ['a Site in no Segment', [site('a', 'segment: s')], 'spec.segment', /Segment s does not exist/],
    [
      'a Segment that names none',
      [manifest('Segment', 'exchangeWith: [t]', 's')],
      'spec.exchangeWith[0]',
      /Segment t does not exist/,
    ],
    [
      'static prefixes beyond the Site',
      [
        router('r1'),
        site('a', 'prefixes: [10.1.0.0/16]'),
        attachment('x', 'static: {prefixes: [10.1.2.0/24, 10.2.0.0/16]}'),
      ],
      'spec.static.prefixes[1]',
      /outside the prefixes of Site a/,
    ],
    [
      'pools that overlap, however nested',
      [
        manifest('IPPool', 'cidr: 10.0.0.0/8', 'a'),
        manifest('IPPool', 'cidr: 11.0.0.0/16', 'b'),
        manifest('IPPool', 'cidr: 10.9.0.0/16', 'c'),
      ],
      'spec.cidr',
      /overlaps IPPool a/,
    ],
    [
      'one peer on two Attachments',
      [router('r1'), site('a'), bgpAttachment(''), bgpAttachment('').replace('name: x', 'name: y')],
      'spec.addresses.remote[0]',
      /peer of Attachment x/,
    ],
    [
      'one address on two Routers',
      [
        router('r1', 'interfaces: [{name: a, addresses: [10.0.0.1/24]}]'),
        router('r2', 'interfaces: [{name: a, addresses: [10.0.0.1/16]}]'),
      ],
      'spec.interfaces[0].addresses[0]',
      /address of Router r1/,
    ],
    [
      'an assertion about no Site',
      [manifest('Assertion', 'from: {site: a}\nto: {nets: [10.0.0.0/8]}\nexpect: Deny', 'q')],
      'spec.from.site',
      /Site a does not exist/,
    ],
  ])('%s', (_title, manifests, field, reason) => {
    const { errors } = check(...manifests);
    expect(errors).toMatchObject([{ file: 'f.yaml', field, reason: expect.stringMatching(reason) }]);
    expect(errors[0]?.line).toBeGreaterThan(0);
  });
});

describe('warnings', () => {
  it.each<[string, string[], string, RegExp]>([
    ['a missing profile', [hep('h', 'interfaceName: eth0\nprofiles: [p]')], 'spec.profiles[0]', /denies everything/],
    [
      'an interface of two endpoints',
      [hep('a-b', 'interfaceName: eth0'), hep('a', 'interfaceName: eth0')],
      'spec.interfaceName',
      /HostEndpoint a too, which wins/,
    ],
    [
      'an address of two endpoints',
      [hep('a', 'expectedIPs: [10.0.0.1]'), hep('b', 'interfaceName: eth1\nexpectedIPs: [10.0.0.1]')],
      'spec.expectedIPs[0]',
      /HostEndpoint a too/,
    ],
    [
      'untracked policy on a wildcard endpoint',
      [hep('h', 'interfaceName: "*"'), policy('p', "doNotTrack: true\napplyOnForward: true\nselector: role == 'edge'")],
      'spec.doNotTrack',
      /no effect on HostEndpoint h/,
    ],
    [
      'a policy on a router that does not see forwarded traffic',
      [
        router('r1'),
        hep('h', 'interfaceName: eth0'),
        policy('p', "selector: role == 'edge'\ningress:\n- action: Deny\n  destination: {nets: [10.0.0.0/8]}"),
      ],
      'spec.ingress[0].destination',
      /add applyOnForward: true/,
    ],
    [
      'a rule for a Kubernetes Service of which no slice is there',
      [policy('p', 'egress:\n- action: Allow\n  destination: {services: {name: a, namespace: b}}')],
      'spec.egress[0].destination.services',
      /no EndpointSlice of Service b\/a here: until there is, this rule matches nothing/,
    ],
    [
      'a denial of one',
      [policy('p', 'ingress:\n- action: Deny\n  source: {services: {name: a, namespace: b}}')],
      'spec.ingress[0].source.services',
      /denies whatever else it matches/,
    ],
    [
      'a FelixConfiguration nobody reads',
      [manifest('FelixConfiguration', 'ipv6Support: true', 'other')],
      'metadata.name',
      /no effect/,
    ],
    [
      'a node setting that only the default may make',
      [manifest('BGPConfiguration', 'bindMode: NodeIP', 'node.a')],
      'spec.bindMode',
      /no effect on a node/,
    ],
    ['a BGPPeer without peer', [peer('p', 'nextHopMode: Self')], 'spec', /names no peer/],
    [
      'a node peer that a global one shadows',
      [peer('a', 'peerIP: 10.0.0.1\nasNumber: 1'), peer('b', 'node: n\npeerIP: 10.0.0.1\nasNumber: 1')],
      'spec.peerIP',
      /for all nodes, claims 10\.0\.0\.1/,
    ],
    [
      'two global peers of one address',
      [peer('a', 'peerIP: 10.0.0.1\nasNumber: 1'), peer('b', 'peerIP: 10.0.0.1\nasNumber: 2')],
      'spec.peerIP',
      /BGPPeer a claims/,
    ],
    [
      'one-sided exchange',
      [manifest('Segment', 'exchangeWith: [t]', 's'), manifest('Segment', '', 't')],
      'spec.exchangeWith[0]',
      /Segment t does not name s/,
    ],
    [
      'a prefix in two segments',
      [
        manifest('Segment', '', 's'),
        site('a', 'segment: s\nprefixes: [10.0.0.0/8]'),
        site('b', 'prefixes: [10.0.0.0/8]'),
      ],
      'spec.prefixes[0]',
      /Site a in another segment/,
    ],
    [
      'management over an interface that is not there',
      [router('r1', 'interfaces: [{name: a}]\nmanagement: {interfaces: [a, lo, b]}')],
      'spec.management.interfaces[2]',
      /b is neither among/,
    ],
    [
      'a local address that is not on the interface',
      [router('r1', 'interfaces: [{name: eth1, addresses: [10.0.0.1/24]}]'), site('a'), bgpAttachment('')],
      'spec.addresses.local[0]',
      /is not on interface eth1/,
    ],
  ])('%s', (_title, manifests, field, reason) => {
    const { errors, warnings } = check(...manifests);
    expect(errors).toEqual([]);
    expect(warnings).toMatchObject([{ file: 'f.yaml', field, reason: expect.stringMatching(reason) }]);
  });
});

describe('what is left alone', () => {
  it.each<[string, string[]]>([
    ['built-in tiers without objects', [policy('p', 'tier: kube-admin'), policy('q', '')]],
    [
      'a peer whose AS its Node knows',
      [manifest('Node', 'bgp: {ipv4Address: 10.0.0.1/24}', 'n'), peer('p', 'peerIP: 10.0.0.1')],
    ],
    [
      'a peer that is a Router',
      [router('r1', 'interfaces: [{name: a, addresses: [10.0.0.1/24]}]'), peer('p', 'peerIP: 10.0.0.1')],
    ],
    ['the default-allow profile', [hep('h', 'interfaceName: eth0\nprofiles: [projectcalico-default-allow]')]],
    [
      'policies that forward, and policies of workloads',
      [
        router('r1'),
        hep('h', 'interfaceName: eth0'),
        policy('p', 'applyOnForward: true'),
        policy('q', 'namespaceSelector: all()'),
      ],
    ],
    [
      'segments that agree',
      [manifest('Segment', 'exchangeWith: [t]', 's'), manifest('Segment', 'exchangeWith: [s]', 't')],
    ],
    [
      'neighbouring pools',
      [manifest('IPPool', 'cidr: 10.0.0.0/16', 'a'), manifest('IPPool', 'cidr: 10.1.0.0/16', 'b')],
    ],
    [
      'a peer on two ports',
      [peer('a', 'peerIP: 10.0.0.1\nasNumber: 1'), peer('b', 'peerIP: "10.0.0.1:1179"\nasNumber: 1')],
    ],
  ])('%s', (_title, manifests) => {
    expect(check(...manifests)).toEqual({ errors: [], warnings: [], missing: [] });
  });
});

it('stays fast with many policies and endpoints', () => {
  const manifests = [router('r1')];
  for (let i = 0; i < 1500; i++) {
    manifests.push(policy(`p${i}`, `selector: role == 'x${i}'\ntier: default`));
    manifests.push(hep(`h${i}`, `interfaceName: e${i}`).replace('role: edge', `role: y${i}`));
  }
  const { resources } = parseFile({ path: 'f.yaml', text: manifests.join('---\n') });
  const started = performance.now();
  expect(checkReferences(makeSnapshot(resources)).errors).toEqual([]);
  expect(performance.now() - started).toBeLessThan(10_000);
});

it('tells errors that more objects could mend from contradictions among those given', () => {
  const { errors, missing } = check(
    policy('p', 'tier: net'),
    manifest('IPPool', 'cidr: 10.0.0.0/8', 'a'),
    manifest('IPPool', 'cidr: 10.9.0.0/16', 'b'),
  );
  expect(errors).toHaveLength(2);
  expect(missing).toMatchObject([{ field: 'spec.tier' }]);
});
