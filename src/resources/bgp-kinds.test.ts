/** BGPConfiguration, BGPPeer and BGPFilter: what is refused, where and why, and what passes. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { expectOneProblem, type Row, specOf } from './validation.fixture.ts';

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

  it.each([
    'password: hunter2',
    'password: 7788',
    'password: {secretKeyRef: {name: a, key: "hunter2 7788"}}',
    'password: {secretKeyRef: {name: "hunter2 7788", key: a}}',
    'password: {secretKeyRef: hunter2}',
    'password: {value: hunter2}',
    'presharedKey: hunter2',
    'password: [hunter2]',
  ])('never shows what may be a password: %s', (spec) => {
    const { errors } = parseFile({ path: 'f', text: peer(`peerIP: 10.0.0.1\nasNumber: 1\n${spec}`) });
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(errors)).not.toMatch(/hunter2|7788/);
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
