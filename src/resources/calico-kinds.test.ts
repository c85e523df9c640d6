/** Calico's kinds but policies and BGP: what is refused, where and why, and what passes. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { expectOneProblem, type Row, specOf } from './validation.fixture.ts';

describe('Tier', () => {
  it.each<Row>([
    ['a name with a dot', manifest('Tier', '', 'my.tier'), 'metadata.name', 'my.tier', /no dot/],
    ['default with another order', manifest('Tier', 'order: 5', 'default'), 'spec.order', '5', /fixed: write 1000000/],
    [
      'kube-admin with another action',
      manifest('Tier', 'defaultAction: Deny', 'kube-admin'),
      'spec.defaultAction',
      'Deny',
      /write Pass/,
    ],
    ['an unknown action', manifest('Tier', 'defaultAction: Drop'), 'spec.defaultAction', 'Drop', /Pass, Deny/],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it.each([
    ['', 'net', { order: 1_000_000, defaultAction: 'Deny' }],
    ['order: 0', 'net', { order: 0, defaultAction: 'Deny' }],
    ['order: -1.5\ndefaultAction: Pass', 'net', { order: -1.5, defaultAction: 'Pass' }],
    ['', 'kube-baseline', { order: 10_000_000, defaultAction: 'Pass' }],
  ])('%j as %s', (spec, name, expected) => {
    expect(specOf(manifest('Tier', spec, name))).toEqual(expected);
  });
});

describe('HostEndpoint', () => {
  const hep = (spec: string): string => manifest('HostEndpoint', spec);
  it.each<Row>([
    ['no node', hep('interfaceName: eth0'), 'spec.node', 'interfaceName', /required/],
    ['neither interfaceName nor expectedIPs', hep('node: r1'), 'spec', 'node', /interfaceName or expectedIPs/],
    [
      'a pattern as interfaceName',
      hep('node: r1\ninterfaceName: eth0*'),
      'spec.interfaceName',
      'eth0*',
      /no interface name/,
    ],
    ['16 characters', hep('node: r1\ninterfaceName: abcdefghijklmnop'), 'spec.interfaceName', 'abcd', /15/],
    [
      'a CIDR in expectedIPs',
      hep('node: r1\nexpectedIPs: [10.0.0.1/32]'),
      'spec.expectedIPs[0]',
      '10.0.0.1/32',
      /without a "\/" length/,
    ],
    [
      'an expected IP twice',
      hep('node: r1\nexpectedIPs: [10.0.0.1, 10.0.0.1]'),
      'spec.expectedIPs[1]',
      '10.0.0.1',
      /twice/,
    ],
    [
      'a port name in upper case',
      hep('node: r1\ninterfaceName: e\nports:\n- {name: HTTP, protocol: TCP, port: 80}'),
      'spec.ports[0].name',
      'HTTP',
      /port name/,
    ],
    [
      'a port of ICMP',
      hep('node: r1\ninterfaceName: e\nports:\n- {name: http, protocol: ICMP, port: 80}'),
      'spec.ports[0].protocol',
      'ICMP',
      /TCP, UDP or SCTP/,
    ],
    [
      'port 0',
      hep('node: r1\ninterfaceName: e\nports:\n- {name: http, protocol: 6, port: 0}'),
      'spec.ports[0].port',
      '0',
      /1 to 65535/,
    ],
    [
      'an upper-case name',
      manifest('HostEndpoint', 'node: r1\ninterfaceName: e', 'Eth_0'),
      'metadata.name',
      'Eth_0',
      /lower-case/,
    ],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('takes * and a repeated port name', () => {
    const ports = 'ports:\n- {name: dns, protocol: TCP, port: 53}\n- {name: dns, protocol: UDP, port: 53}';
    expect(specOf(hep(`node: r1\ninterfaceName: "*"\n${ports}`))).toMatchObject({ interfaceName: '*' });
  });
});

describe('sets, workloads, profiles, nodes', () => {
  const labelled =
    'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata:\n  name: a\n  labels:\n    projectcalico.org/namespace: x\n';
  it.each<Row>([
    [
      'a namespace label on a GlobalNetworkSet',
      labelled,
      'metadata.labels["projectcalico.org/namespace"]',
      'projectcalico.org/namespace',
      /cannot carry/,
    ],
    [
      'a set with a host name',
      manifest('NetworkSet', 'nets: [example.com]'),
      'spec.nets[0]',
      'example.com',
      /not a CIDR/,
    ],
    [
      'a workload with a subnet',
      manifest('WorkloadEndpoint', 'ipNetworks: [10.0.0.0/24]'),
      'spec.ipNetworks[0]',
      '10.0.0.0/24',
      /\/32/,
    ],
    [
      'the built-in profile',
      manifest('Profile', '', 'projectcalico-default-allow'),
      'metadata.name',
      'projectcalico',
      /built in/,
    ],
    [
      'a profile with a bad label',
      manifest('Profile', 'labelsToApply: {"a b": c}'),
      'spec.labelsToApply["a b"]',
      '"a b"',
      /no valid key/,
    ],
    ['an empty bgp', manifest('Node', 'bgp: {}'), 'spec.bgp', '{}', /empty/],
    [
      'an IPv6 address in ipv4Address',
      manifest('Node', 'bgp: {ipv4Address: "fd00::1/64"}'),
      'spec.bgp.ipv4Address',
      '"fd00',
      /not IPv4/,
    ],
    ['an unquoted asdot AS number', manifest('Node', 'bgp: {asNumber: 1.10}'), 'spec.bgp.asNumber', '1.10', /quotes/],
    [
      'a cluster ID that is no address',
      manifest('Node', 'bgp: {routeReflectorClusterID: "1"}'),
      'spec.bgp.routeReflectorClusterID',
      '"1"',
      /IPv4 address/,
    ],
    [
      'a node status without classes',
      manifest('CalicoNodeStatus', 'node: a\nupdatePeriodSeconds: 0'),
      'spec.classes',
      'node',
      /required/,
    ],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('accepts bare addresses and host bits in a set', () => {
    expect(specOf(manifest('NetworkSet', 'nets: [10.0.0.1, 10.0.0.1/8, "fd00::1"]'))).toBeDefined();
  });

  it('takes a workload as Kubernetes writes it', () => {
    const text = manifest(
      'WorkloadEndpoint',
      'ipNetworks: [10.0.0.1, "fd00::1/128"]\nports:\n- {protocol: TCP, port: 80, hostPort: 8080}',
    );
    expect(specOf(text)).toEqual({
      ipNetworks: ['10.0.0.1/32', 'fd00::1/128'],
      ports: [{ name: '', protocol: 'TCP', port: 80, hostPort: 8080 }],
    });
  });

  it('strips labels by which a workload would forge its namespace or account', () => {
    const text = manifest('WorkloadEndpoint', 'node: n').replace(
      'name: thing',
      'name: w\n  labels: {app: web, pcns.team: x, pcsa.role: y}',
    );
    expect(parseFile({ path: 'f', text }).resources[0]?.resource.metadata).toEqual({
      name: 'w',
      namespace: 'default',
      labels: { app: 'web' },
    });
  });
});

describe('IPPool', () => {
  const pool = (spec: string): string => manifest('IPPool', spec);
  it.each<Row>([
    ['host bits', pool('cidr: 10.0.0.1/16'), 'spec.cidr', '10.0.0.1', /write 10\.0\.0\.0\/16/],
    ['the link-local range', pool('cidr: 169.254.1.0/24'), 'spec.cidr', '169.254', /link-local/],
    ['less than one block', pool('cidr: 10.0.0.0/28'), 'spec.cidr', '10.0.0.0/28', /smaller than one block/],
    [
      'a block size of the other family',
      pool('cidr: 10.0.0.0/16\nblockSize: 122'),
      'spec.blockSize',
      '122',
      /20 to 32/,
    ],
    [
      'two encapsulations',
      pool('cidr: 10.0.0.0/16\nipipMode: Always\nvxlanMode: CrossSubnet'),
      'spec.vxlanMode',
      'CrossSubnet',
      /cannot both be on/,
    ],
    ['IPIP over IPv6', pool('cidr: fd00::/64\nipipMode: Always'), 'spec.ipipMode', 'Always', /IPv4 only/],
    [
      'LoadBalancer with another use',
      pool('cidr: 10.0.0.0/16\nallowedUses: [LoadBalancer, Tunnel]'),
      'spec.allowedUses',
      '[',
      /cannot be combined/,
    ],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('fills in the documented defaults', () => {
    expect(specOf(pool('cidr: fd00::/64'))).toMatchObject({
      ipipMode: 'Never',
      vxlanMode: 'Never',
      blockSize: 122,
      nodeSelector: 'all()',
    });
  });
});

describe('FelixConfiguration', () => {
  const felix = (spec: string, name = 'default'): string => manifest('FelixConfiguration', spec, name);
  it.each<Row>([
    ['nodeSelector on default', felix('nodeSelector: all()'), 'spec.nodeSelector', 'nodeSelector', /must not be set/],
    [
      'an unknown protocol in a failsafe',
      felix('failsafeInboundHostPorts:\n- {protocol: ICMP, port: 1}'),
      'spec.failsafeInboundHostPorts[0].protocol',
      'ICMP',
      /TCP, UDP, SCTP/,
    ],
    ['a rate without unit', felix('logActionRateLimit: "10"'), 'spec.logActionRateLimit', '"10"', /no rate/],
    ['a log prefix with a quote', felix(`logPrefix: 'a"b'`), 'spec.logPrefix', "'a", /no log prefix/],
    [
      'a mask of few bits',
      felix('nftablesMarkMask: 0xff0000ff'.replace('ff0000ff', 'f')),
      'spec.nftablesMarkMask',
      '0xf',
      /at least 8/,
    ],
    [
      'an exclusion that is no expression',
      felix('interfaceExclude: "/((/"'),
      'spec.interfaceExclude',
      '"/((/"',
      /no regular expression/,
    ],
    ['a misspelt field', felix('ipv6Suport: true'), 'spec.ipv6Suport', 'ipv6Suport', /did you mean ipv6Support/],
    ['a field of the wrong type', felix('bpfEnabled: "yes"'), 'spec.bpfEnabled', '"yes"', /true or false/],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('keeps an empty failsafe list, which switches failsafes off, and reads words in any case', () => {
    const text = felix(
      'failsafeInboundHostPorts: []\nfailsafeOutboundHostPorts:\n- {port: 53}\n- {protocol: sctp, port: 1}\nnftablesFilterDenyAction: reject\nipv6Support: false',
    );
    expect(specOf(text)).toEqual({
      failsafeInboundHostPorts: [],
      failsafeOutboundHostPorts: [{ port: 53 }, { protocol: 'SCTP', port: 1 }],
      nftablesFilterDenyAction: 'Reject',
      ipv6Support: false,
    });
  });

  it('accepts what a cluster sets for itself', () => {
    expect(
      specOf(
        felix(
          'bpfLogLevel: ""\nreportingInterval: 0s\nvxlanMTU: 0\nhealthTimeoutOverrides:\n- {name: a, timeout: 10s}',
        ),
      ),
    ).toBeDefined();
  });
});
