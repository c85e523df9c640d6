import { describe, expect, it } from 'vitest';
import type { AttachmentFacts, Topology } from '../intent/topology/topology.ts';
import { address, prefix } from '../net/literals.fixture.ts';
import type { Resource } from '../resources/resource.ts';
import { explainQuery, explainStagedQuery } from './explain-query.ts';
import { fibFromTopology, lookupRoute, makeFib } from './fib.ts';
import { parsePacketQuery } from './packet-query.ts';
import { endpoint, policyIntent, rules, tier } from './policy.fixture.ts';
import { printVerdict, verdictToJson } from './print-verdict.ts';
import type { Verdict } from './verdict.ts';

const fib = makeFib(
  [
    { prefix: prefix('10.1.0.0/16'), outbound: 'eth1' },
    { prefix: prefix('10.1.9.0/24'), outbound: 'eth2' },
    { prefix: prefix('2001:db8:1::/48'), outbound: 'eth1' },
  ],
  [address('198.51.100.1')],
);
const intent = {
  policy: policyIntent({
    endpoints: [endpoint('h1', ['eth0'], { forward: { ingress: [tier('default', 'Deny', 'to-lan')] } })],
    failsafes: {
      inbound: [],
      outbound: [
        {
          ...{ protocol: 17, port: 4500, net: prefix('10.1.2.3/32'), interfaces: ['dx.101'] },
          purposes: [{ what: 'IKE', attachment: 'vpn' }],
        },
      ],
    },
    policies: new Map([
      rules('to-lan', 'default', { ingress: [['Log'], ['Deny', { protocol: 17 }], ['Allow', { protocol: 6 }]] }),
    ]),
  }),
};

function explain(input: Record<string, unknown>): Verdict {
  const query = parsePacketQuery({ src: '192.0.2.1', dst: '10.1.1.1', protocol: 'tcp', dport: 80, ...input });
  if (!query.ok) throw new Error(JSON.stringify(query.error));
  return explainQuery(intent, fib, query.value, (resource, path) => ({
    file: `${resource.metadata.name}.yaml`,
    line: 7 + Number(path[2]),
    column: 3,
  }));
}

describe('the way of a packet', () => {
  it.each([
    ['is looked up', { in: 'eth0' }, 'accept in forward-ingress', '10.1.1.1 is in 10.1.0.0/16 by eth1'],
    [
      'by the longest prefix',
      { in: 'eth0', dst: '10.1.9.1' },
      'accept in forward-ingress',
      '10.1.9.1 is in 10.1.9.0/24 by eth2',
    ],
    [
      'ends at the router',
      { in: 'eth0', dst: '198.51.100.1' },
      'drop in normal-ingress',
      '198.51.100.1 is the router itself',
    ],
    [
      'ends at the router for multicast',
      { in: 'eth0', dst: '224.0.0.5' },
      'drop in normal-ingress',
      '224.0.0.5 is of the link: never forwarded',
    ],
    [
      'is that of its underlay for what a tunnel sends',
      { local: 'out', dst: '10.1.2.3', protocol: 'udp', dport: 4500 },
      'accept in default',
      'IKE of Attachment vpn goes by dx.101 alone',
    ],
    [
      'is looked up for what others send there',
      { in: 'eth0', dst: '10.1.2.3', protocol: 'udp', dport: 4500 },
      'drop in forward-ingress',
      '10.1.2.3 is in 10.1.0.0/16 by eth1',
    ],
    ['may end nowhere', { in: 'eth0', dst: '203.0.113.1' }, 'no-route in route', 'no route to 203.0.113.1'],
    ['starts at the router without in', {}, 'accept in default', '10.1.1.1 is in 10.1.0.0/16 by eth1'],
    ['is as out says', { in: 'eth0', out: 'eth9', dst: '203.0.113.1' }, 'accept in forward-ingress', undefined],
    ['is as local in says', { in: 'eth0', local: 'in' }, 'drop in normal-ingress', undefined],
    ['is as local out says', { out: 'eth0', local: 'out' }, 'drop in normal-egress', undefined],
    [
      'is to where NAT sends it',
      { in: 'eth0', dst: '198.51.100.1', natDst: '10.1.1.1', natDport: 8080 },
      'accept in forward-ingress',
      '10.1.1.1 is in 10.1.0.0/16 by eth1',
    ],
    ['is by the one interface named', { in: 'eth0', local: 'out' }, 'drop in normal-egress', undefined],
  ])('%s', (_, input, expected, lookup) => {
    const { verdict, stage, trace } = explain(input);
    expect(`${verdict} in ${stage}`).toBe(expected);
    expect(trace.find((step) => step.stage === 'route')?.outcome).toBe(lookup);
  });
});

it('asks before NAT about where a packet was sent to, and after it about where it goes', () => {
  const at = (port: number) => ({ destination: { ports: { ranges: [{ first: port, last: port }], portSets: [] } } });
  const policy = policyIntent({
    endpoints: [
      endpoint('h', ['eth0'], {
        preDNAT: { ingress: [tier('early', 'Deny', 'sent')] },
        forward: { ingress: [tier('late', 'Deny', 'goes')] },
      }),
    ],
    policies: new Map([
      rules('sent', 'early', {
        ingress: [
          ['Log', at(80)],
          ['Deny', at(8080)],
        ],
      }),
      rules('goes', 'late', {
        ingress: [
          ['Deny', at(80)],
          ['Allow', at(8080)],
        ],
      }),
    ]),
  });
  const line = { in: 'eth0', src: '192.0.2.1', dst: '198.51.100.1', protocol: 'tcp', dport: 80 };
  const query = parsePacketQuery({ ...line, natDst: '10.1.1.1', natDport: 8080 });
  if (!query.ok) throw new Error(JSON.stringify(query.error));
  const { trace } = explainQuery({ policy }, fib, query.value, () => undefined);
  const matched = trace.filter(({ event }) => event === 'rule-matched');
  expect(matched.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual([
    'preDNAT-ingress matched Log',
    'forward-ingress matched Allow',
  ]);
});

it('leaves a packet that policy makes untracked where it was sent: NAT needs a flow', () => {
  const allow = { untracked: { ingress: [tier('t', 'Deny', 'any')] } };
  const policy = policyIntent({
    endpoints: [endpoint('h', ['eth0'], allow)],
    policies: new Map([rules('any', 't', { ingress: [['Allow']] })]),
  });
  const line = { in: 'eth0', src: '192.0.2.1', dst: '10.1.9.1', protocol: 'udp', dport: 53 };
  const query = parsePacketQuery({ ...line, natDst: '10.1.1.1' });
  if (!query.ok) throw new Error(JSON.stringify(query.error));
  const { trace, verdict } = explainQuery({ policy }, fib, query.value, () => undefined);
  expect(verdict).toBe('accept');
  expect(trace[0]?.outcome).toBe('10.1.9.1 is in 10.1.9.0/24 by eth2');
});

it('tells beside the verdict what staged policy would make of the packet', () => {
  const open = { forward: { ingress: [tier('t', 'Deny', 'open')] } };
  const shut = { forward: { ingress: [tier('t', 'Deny', 'shut')] } };
  const policies = new Map([
    rules('open', 't', { ingress: [['Allow']] }),
    rules('shut', 't', { ingress: [['Deny', { protocol: 17 }], ['Allow']] }),
  ]);
  const staged = { policy: policyIntent({ policies, endpoints: [endpoint('h', ['eth0'], shut)] }), changes: [] };
  const policy = policyIntent({ policies, endpoints: [endpoint('h', ['eth0'], open)], staged });
  const told = (protocol: string): string => {
    const query = parsePacketQuery({ in: 'eth0', src: '192.0.2.1', dst: '10.1.1.1', protocol, dport: 80 });
    if (!query.ok) throw new Error(JSON.stringify(query.error));
    const verdict = explainQuery({ policy }, fib, query.value, () => undefined);
    const beside = explainStagedQuery({ policy }, fib, query.value, verdict, () => undefined);
    return printVerdict(verdict, { staged: beside }).split('\n')[2] ?? '';
  };
  expect(told('udp')).toBe('staged policy WOULD: drop: GlobalNetworkPolicy shut ingress[0]: Deny');
  expect(told('tcp')).toBe('staged policy would too: accept: GlobalNetworkPolicy shut ingress[1]: Allow');
});

it('prints a verdict as JSON with the same keys always', () => {
  const nothing = { endpoint: null, tier: null, policy: null, rule: null, file: null, line: null };
  const rule = { kind: 'GlobalNetworkPolicy', name: 'to-lan', tier: 'default', direction: 'ingress', index: 2 };
  expect(verdictToJson(explain({ in: 'eth0', out: 'eth1' }))).toEqual({
    verdict: 'accept',
    stage: 'forward-ingress',
    rule,
    file: 'to-lan.yaml',
    line: 9,
    cause: { kind: 'rule' },
    reason: 'GlobalNetworkPolicy to-lan ingress[2]: Allow',
    ends: null,
    staged: null,
    path: null,
    trace: [
      ...['untracked', 'preDNAT'].map((stage) => ({
        ...nothing,
        event: 'skipped',
        stage: `${stage}-ingress`,
        outcome: `skipped: no ${stage === 'preDNAT' ? stage : 'doNotTrack'} policy with ingress selects endpoint h1 of eth0`,
      })),
      {
        event: 'rule-matched',
        stage: 'forward-ingress',
        endpoint: 'h1',
        tier: 'default',
        policy: 'GlobalNetworkPolicy/to-lan',
        rule: { ...rule, index: 0 },
        outcome: 'matched Log',
        file: 'to-lan.yaml',
        line: 7,
      },
      {
        event: 'rule-matched',
        stage: 'forward-ingress',
        endpoint: 'h1',
        tier: 'default',
        policy: 'GlobalNetworkPolicy/to-lan',
        rule,
        outcome: 'matched Allow',
        file: 'to-lan.yaml',
        line: 9,
      },
      {
        ...nothing,
        event: 'skipped',
        stage: 'forward-egress',
        outcome: 'skipped: no endpoint covers eth1',
      },
    ],
  });
  expect(Object.keys(verdictToJson(explain({ in: 'eth0', dst: '203.0.113.1' })))).toEqual(
    Object.keys(verdictToJson(explain({ in: 'eth0' }))),
  );
});

it('prints a verdict for people as the way the packet took', () => {
  expect(printVerdict(explain({ in: 'eth0', protocol: 'udp' }))).toBe(
    [
      'drop: GlobalNetworkPolicy to-lan ingress[1]: Deny (to-lan.yaml:8)',
      '  decided in forward-ingress',
      '',
      'route',
      '  10.1.1.1 is in 10.1.0.0/16 by eth1',
      '',
      'untracked-ingress skipped: no doNotTrack policy with ingress selects endpoint h1 of eth0',
      'preDNAT-ingress skipped: no preDNAT policy with ingress selects endpoint h1 of eth0',
      '',
      'forward-ingress of endpoint h1',
      '  tier default',
      '    GlobalNetworkPolicy/to-lan ingress[0]: matched Log (to-lan.yaml:7)',
      '    GlobalNetworkPolicy/to-lan ingress[1]: matched Deny (to-lan.yaml:8)',
    ].join('\n'),
  );
});

describe('forwarding as files tell it', () => {
  function attachment(name: string, interfaceNames: string[], sitePrefix: string, bgp?: object): AttachmentFacts {
    const local = [{ address: address('169.254.10.1'), length: 30 }];
    const site = { name, type: 'vpc', prefixes: [prefix(sitePrefix)], segment: '' } as const;
    return {
      name,
      paths: interfaceNames.map((interfaceName) => ({ interfaceName, local, remote: [] })),
      local,
      remote: [],
      resource: { metadata: { name }, spec: { static: { prefixes: ['10.8.0.0/16'] }, bgp } },
      site,
    } as unknown as AttachmentFacts;
  }
  const topology = {
    router: { addresses: [address('192.0.2.254')] },
    interfaces: [{ name: 'eth0', addresses: [{ address: address('198.51.100.1'), length: 24 }] }],
    attachments: [
      attachment('a', ['tun1'], '10.9.0.0/16', { preference: 'backup' }),
      attachment('b', ['tun2', 'tun3'], '10.9.0.0/16'),
      attachment('c', [], '10.7.0.0/16'),
    ],
    sites: [{ name: 'far', prefixes: [prefix('10.6.0.0/16'), prefix('2001:db8:6::/48')] }],
    groupMembers: [{ router: { metadata: { name: 'tr2' } }, shared: [{ family: 4, interfaceName: 'eth0' }] }],
  } as unknown as Topology;
  const everyAttachment = [
    { spec: { router: 'tr2', site: 'far' } },
    { spec: { router: 'stranger', site: 'far', static: { prefixes: ['10.5.0.0/16'] } } },
  ] as unknown as Resource<'Attachment'>[];

  it.each([
    ['198.51.100.1', 'local'],
    ['192.0.2.254', 'local'],
    ['169.254.10.1', 'local'],
    ['127.0.0.9', 'local'],
    ['198.51.100.9', 'eth0'],
    ['10.9.1.1', 'tun2'],
    ['10.8.1.1', 'tun2'],
    ['10.7.1.1', 'no-route'],
    ['10.6.1.1', 'eth0'],
    ['2001:db8:6::1', 'no-route'],
    ['10.5.1.1', 'no-route'],
    ['fe80::1', 'link'],
  ])('sends %s to %s', (destination, expected) => {
    const route = lookupRoute(fibFromTopology(topology, everyAttachment), address(destination));
    expect(route.kind === 'forward' ? route.outbound : route.kind).toBe(expected);
  });
});
