/** Every kind but the policies: what is refused, where and why, and what passes. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest, problemsOf } from './manifest.fixture.ts';

type Row = [title: string, text: string, field: string, at: string, reason: RegExp];

function expectOneProblem(text: string, field: string, at: string, reason: RegExp): void {
  const problems = problemsOf(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ field, reason: expect.stringMatching(reason) });
  expect(problems[0]?.at.startsWith(at)).toBe(true);
}

function specOf(text: string): unknown {
  const { resources, errors } = parseFile({ path: 'f.yaml', text });
  expect(errors).toEqual([]);
  return resources[0]?.resource.spec;
}

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

describe('BGPConfiguration', () => {
  const config = (spec: string, name = 'default'): string => manifest('BGPConfiguration', spec, name);
  it.each<Row>([
    [
      'communities without advertisements',
      config('communities:\n- {name: a, value: "1:2"}'),
      'spec.communities',
      'communities',
      /prefixAdvertisements only/,
    ],
    [
      'an undefined community name',
      config('prefixAdvertisements:\n- {cidr: 10.0.0.0/8, communities: [red]}'),
      'spec.prefixAdvertisements[0].communities[0]',
      'red',
      /neither a community value nor a name/,
    ],
    [
      'a community out of range',
      config(
        'communities:\n- {name: a, value: "65536:1"}\nprefixAdvertisements:\n- {cidr: 10.0.0.0/8, communities: [a]}',
      ),
      'spec.communities[0].value',
      '"65536:1"',
      /65535/,
    ],
    [
      'a mesh password without mesh',
      config('nodeToNodeMeshEnabled: false\nnodeMeshPassword: {secretKeyRef: {name: a, key: b}}'),
      'spec.nodeMeshPassword',
      'nodeMeshPassword',
      /no use/,
    ],
    [
      'asNumber for one node',
      config('asNumber: 1', 'node.a'),
      'spec.asNumber',
      'asNumber',
      /only in the BGPConfiguration named default/,
    ],
    [
      'a lone * among ignored interfaces',
      config('ignoredInterfaces: ["*"]'),
      'spec.ignoredInterfaces[0]',
      '"*"',
      /every interface/,
    ],
    ['port 70000', config('listenPort: 70000'), 'spec.listenPort', '70000', /65535/],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('reads enumerations in any case where Calico does', () => {
    expect(specOf(config('logSeverityScreen: debug\nnodeToNodeMeshEnabled: false'))).toEqual({
      logSeverityScreen: 'Debug',
      nodeToNodeMeshEnabled: false,
    });
  });
});

describe('BGPPeer', () => {
  const peer = (spec: string): string => manifest('BGPPeer', spec);
  it.each<Row>([
    [
      'node and nodeSelector',
      peer('node: a\nnodeSelector: all()'),
      'spec.nodeSelector',
      'nodeSelector',
      /conflicts with node/,
    ],
    [
      'peerIP and peerSelector',
      peer('peerIP: 10.0.0.1\npeerSelector: all()'),
      'spec.peerSelector',
      'peerSelector',
      /conflicts with peerIP/,
    ],
    [
      'asNumber and peerSelector',
      peer('asNumber: 1\npeerSelector: all()'),
      'spec.asNumber',
      'asNumber',
      /must be unset/,
    ],
    [
      'workloads without asNumber',
      peer('localWorkloadSelector: all()'),
      'spec.asNumber',
      'localWorkloadSelector',
      /required/,
    ],
    ['a zone', peer('peerIP: "fe80::1%eth0"\nasNumber: 1'), 'spec.peerIP', '"fe80', /no peer address/],
    ['port 0', peer('peerIP: "10.0.0.1:0"\nasNumber: 1'), 'spec.peerIP', '"10', /no peer address/],
    [
      'reachableBy of the other family',
      peer('peerIP: 10.0.0.1\nasNumber: 1\nreachableBy: "fd00::1"'),
      'spec.reachableBy',
      '"fd00',
      /one family/,
    ],
    ['reachableBy without peerIP', peer('reachableBy: 10.0.0.1'), 'spec.reachableBy', 'reachableBy', /needs peerIP/],
    [
      'two next-hop settings',
      peer('keepOriginalNextHop: true\nnextHopMode: Self'),
      'spec.keepOriginalNextHop',
      'keepOriginalNextHop',
      /conflicts/,
    ],
    [
      'AS number 4294967296',
      peer('peerIP: 10.0.0.1\nasNumber: 4294967296'),
      'spec.asNumber',
      '4294967296',
      /4294967295/,
    ],
    [
      'a time without unit',
      peer('peerIP: 10.0.0.1\nasNumber: 1\nkeepaliveTime: "30"'),
      'spec.keepaliveTime',
      '"30"',
      /unit/,
    ],
    [
      'a password written out',
      peer('peerIP: 10.0.0.1\nasNumber: 1\npassword: hunter2'),
      'spec.password',
      'hunter2',
      /must be an object/,
    ],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it.each(['10.0.0.1', '10.0.0.1:1179', 'fd00::1', '"[fd00::1]:1179"'])('peers with %s', (ip) => {
    expect(specOf(peer(`peerIP: ${ip}\nasNumber: "1.10"`))).toBeDefined();
  });

  it('never shows what may be a password', () => {
    const { errors } = parseFile({ path: 'f', text: peer('peerIP: 10.0.0.1\nasNumber: 1\npassword: hunter2') });
    expect(errors[0]?.value).toBe('');
    expect(
      parseFile({ path: 'f', text: peer('password: {secretKeyRef: {name: a, key: "hunter 2"}}') }).errors[0]?.value,
    ).toBe('');
  });
});

describe('BGPFilter', () => {
  const rule = (fields: string): string =>
    manifest('BGPFilter', `importV4:\n- action: Accept\n${fields.replace(/^/gm, '  ')}`);
  it.each<Row>([
    [
      'cidr without operator',
      rule('cidr: 10.0.0.0/8'),
      'spec.importV4[0].matchOperator',
      'action',
      /needs matchOperator/,
    ],
    ['operator without cidr', rule('matchOperator: In'), 'spec.importV4[0].cidr', 'action', /needs the cidr/],
    [
      'a cidr of the other family',
      rule('cidr: fd00::/8\nmatchOperator: In'),
      'spec.importV4[0].cidr',
      'fd00',
      /not an IPv4 CIDR/,
    ],
    [
      'min above max',
      rule('cidr: 10.0.0.0/8\nmatchOperator: In\nprefixLength: {min: 24, max: 16}'),
      'spec.importV4[0].prefixLength.min',
      '24',
      /larger than max/,
    ],
    [
      'max below the mask',
      rule('cidr: 10.0.0.0/16\nmatchOperator: In\nprefixLength: {max: 8}'),
      'spec.importV4[0].prefixLength.max',
      '8',
      /at least 16/,
    ],
    [
      'Equal with prefixLength',
      rule('cidr: 10.0.0.0/8\nmatchOperator: Equal\nprefixLength: {max: 24}'),
      'spec.importV4[0].prefixLength',
      'prefixLength',
      /no meaning with Equal/,
    ],
    [
      'prefixLength without cidr',
      rule('prefixLength: {max: 24}'),
      'spec.importV4[0].prefixLength',
      'prefixLength',
      /needs cidr/,
    ],
    [
      'two communities',
      rule('communities: {values: ["1:1", "1:2"]}'),
      'spec.importV4[0].communities.values',
      '[',
      /at most 1/,
    ],
    [
      'a community with a leading zero',
      rule('communities: {values: ["01:1"]}'),
      'spec.importV4[0].communities.values[0]',
      '"01',
      /no community/,
    ],
    [
      'an operation of two kinds',
      rule('operations:\n- setPriority: {value: 1}\n  addCommunity: {value: "1:1"}'),
      'spec.importV4[0].operations[0].setPriority',
      'setPriority',
      /conflicts/,
    ],
    ['an empty operation', rule('operations: [{}]'), 'spec.importV4[0].operations[0]', '{}', /exactly one/],
    [
      'operations under Reject',
      rule('operations:\n- setPriority: {value: 1}').replace('Accept', 'Reject'),
      'spec.importV4[0].operations',
      'operations',
      /need action Accept/,
    ],
    ['priority 0x7fffffff', rule('priority: 2147483647'), 'spec.importV4[0].priority', '2147483647', /2147483646/],
  ])('%s is refused', (_title, ...rest) => expectOneProblem(...rest));

  it('keeps a minimum of 0', () => {
    expect(specOf(rule('cidr: 0.0.0.0/0\nmatchOperator: In\nprefixLength: {min: 0, max: 24}'))).toMatchObject({
      importV4: [{ prefixLength: { min: 0, max: 24 } }],
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

describe('our own kinds', () => {
  const attachment = (spec: string): string => manifest('Attachment', `router: r\nsite: s\n${spec}`);
  const link = 'link: {interface: {name: eth1}}\n';
  const ends = 'addresses: {local: [192.0.2.1/30], remote: [192.0.2.2]}\n';
  it.each<Row>([
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
    [
      'management over an unknown interface',
      manifest('Router', 'asNumber: 1\ninterfaces: [{name: a}]\nmanagement: {interfaces: [b]}'),
      'spec.management.interfaces[0]',
      'b',
      /no interface of this router/,
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

  it('warns of a peer off the link', () => {
    const text = attachment(`${link}addresses: {local: [192.0.2.1/30], remote: [198.51.100.1]}\nbgp: {asNumber: 1}`);
    expect(parseFile({ path: 'f', text }).warnings).toMatchObject([
      { field: 'spec.addresses.remote[0]', reason: expect.stringMatching(/multihop/) },
    ]);
  });
});
