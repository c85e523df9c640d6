/**
 * What each stage of semantics §4.6 to §4.14 sees of a packet, and what an Allow in it skips: rows with real packets of both
 * families, some of them changed by NAT on their way.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { openPacketLab, type PacketLab } from '../nftables/packet-lab.ts';
import { encodePacket } from '../nftables/wire-packet.ts';
import { calico, expectVerdicts, type Nat, node, router, type Told } from './verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

const endpoint = (name: string, interfaceName: string, more: Manifest['spec'] = {}): Manifest =>
  calico(
    'HostEndpoint',
    name,
    { node: 'r1', interfaceName, ...more },
    { at: interfaceName === '*' ? 'any' : interfaceName },
  );
const policy = (name: string, spec: Manifest['spec']): Manifest =>
  calico('GlobalNetworkPolicy', name, { selector: 'has(at)', ...spec });
const toPort = (action: string, ...ports: number[]) => ({ action, protocol: 'TCP', destination: { ports } });
const both = [endpoint('h1', 'eth0'), endpoint('h2', 'eth1')];

type Row = readonly [meaning: string, resources: readonly Manifest[], verdicts: Readonly<Record<string, Told>>];

describe('without NAT', () => {
  it.each<Row>([
    [
      'an untracked Allow skips preDNAT, normal and forward ingress, and never forward egress',
      [
        ...both,
        policy('raw', {
          selector: "at == 'eth0'",
          doNotTrack: true,
          applyOnForward: true,
          ingress: [toPort('Allow', 80, 81)],
        }),
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [{ action: 'Deny' }] }),
        policy('out', {
          selector: "at == 'eth1'",
          applyOnForward: true,
          types: ['Egress'],
          egress: [toPort('Allow', 80)],
        }),
      ],
      {
        'eth0→local tcp/80': 'accept',
        'eth0→eth1 tcp/80': 'accept',
        'eth0→eth1 tcp/81': 'drop',
        'eth0→eth1 tcp/82': 'drop',
        'eth0→local tcp/82': 'drop',
      },
    ],
    [
      'a preDNAT Allow skips normal and forward ingress, and never forward egress',
      [
        ...both,
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [toPort('Allow', 80, 81)] }),
        policy('in', { applyOnForward: true, types: ['Ingress'], ingress: [toPort('Allow', 82)] }),
        policy('out', { selector: "at == 'eth1'", applyOnForward: true, egress: [toPort('Allow', 80, 82)] }),
      ],
      {
        'eth0→local tcp/80': 'accept',
        'eth0→eth1 tcp/80': 'accept',
        'eth0→eth1 tcp/81': 'drop',
        'eth0→eth1 tcp/82': 'accept',
        'eth0→local tcp/83': 'drop',
      },
    ],
    [
      'untracked policy alone judges established flows',
      [
        ...both,
        policy('raw', { doNotTrack: true, applyOnForward: true, ingress: [toPort('Deny', 80)] }),
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [{ action: 'Deny' }] }),
        policy('none', { applyOnForward: true, types: ['Ingress', 'Egress'] }),
      ],
      {
        'eth0→eth1 tcp/80 established': 'drop',
        'eth0→eth1 tcp/81 established': 'accept',
        'eth0→eth1 tcp/82': 'drop',
        'eth0→local udp/9 established': 'accept',
        'eth0→eth1 icmp/3:1 related': 'accept',
      },
    ],
    [
      'the failsafes of one direction let replies past untracked policy of the other',
      [
        ...both,
        policy('raw', {
          doNotTrack: true,
          applyOnForward: true,
          ingress: [{ action: 'Deny' }],
          egress: [{ action: 'Deny' }],
        }),
      ],
      {
        'eth0→local tcp/22': 'accept',
        'local→eth0 udp/53': 'accept',
        'eth0→eth1 tcp/22': 'accept',
        'eth0→eth1 tcp/80': 'drop',
        'local→eth0 tcp/80': 'drop',
        'eth0→local udp/7 established': 'drop',
      },
    ],
    [
      'a forwarded packet needs the ingress of one interface and the egress of the other',
      [
        ...both,
        policy('in', { selector: "at == 'eth0'", applyOnForward: true, ingress: [toPort('Allow', 80, 81)] }),
        policy('out', { selector: "at == 'eth1'", applyOnForward: true, egress: [toPort('Allow', 80, 82)] }),
      ],
      {
        'eth0→eth1 tcp/80': 'accept',
        'eth0→eth1 tcp/81': 'drop',
        'eth0→eth1 tcp/82': 'drop',
        'eth1→eth0 tcp/83': 'accept',
      },
    ],
    [
      'invalid packets are dropped in forward chains even without policy for forwarded traffic',
      both,
      { 'eth0→eth1 tcp/80 invalid': 'drop', 'eth0→eth1 tcp/80': 'accept' },
    ],
    [
      'unless the check of invalid packets is off',
      [...both, calico('FelixConfiguration', 'default', { disableConntrackInvalidCheck: true })],
      { 'eth0→eth1 tcp/80 invalid': 'accept', 'eth0→local tcp/80 invalid': 'drop' },
    ],
    [
      'failsafes count by the net at the far side, and not for forwarded packets',
      [
        ...both,
        calico('FelixConfiguration', 'default', {
          failsafeInboundHostPorts: [{ protocol: 'TCP', port: 2222, net: '$ten' }],
          failsafeOutboundHostPorts: [],
        }),
        policy('none', { applyOnForward: true, types: ['Ingress', 'Egress'] }),
      ],
      {
        'eth0→local tcp/2222 from ten': 'accept',
        'eth0→local tcp/2222 from doc': 'drop',
        'eth0→local tcp/22': 'drop',
        'eth0→eth1 tcp/2222 from ten': 'drop',
        'local→eth0 udp/53': 'drop',
      },
    ],
    [
      'of several endpoints on an interface the lowest name counts, found by address as well as by name',
      [
        endpoint('b', 'eth0', { profiles: ['projectcalico-default-allow'] }),
        calico('HostEndpoint', 'a', { node: 'r1', expectedIPs: ['10.0.0.1'] }, { at: 'address' }),
        endpoint('w', '*', { profiles: ['projectcalico-default-allow'] }),
      ],
      {
        'eth0→local tcp/80': 'drop',
        'eth1→local tcp/80': 'accept',
        'local→eth0 tcp/80': 'drop',
        'eth0→local tcp/22': 'accept',
      },
    ],
    [
      'an endpoint of another node guards nothing',
      [calico('HostEndpoint', 'a', { node: 'r2', interfaceName: 'eth0' }), endpoint('b', 'eth1')],
      { 'eth0→local tcp/80': 'accept', 'eth1→local tcp/80': 'drop' },
    ],
    [
      'doNotTrack policy of a wildcard endpoint is ignored, preDNAT policy is not',
      [
        endpoint('w', '*', { profiles: ['projectcalico-default-allow'] }),
        policy('raw', { doNotTrack: true, applyOnForward: true, ingress: [toPort('Deny', 80)] }),
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [toPort('Deny', 81)] }),
      ],
      {
        'eth0→local tcp/80': 'accept',
        'eth0→local tcp/81': 'drop',
        'eth0→eth1 tcp/80': 'accept',
        'eth0→eth1 tcp/81': 'drop',
      },
    ],
    [
      'policy in a tier that is not there still denies, after all others',
      [...both, policy('lost', { tier: 'gone', applyOnForward: true, ingress: [toPort('Allow', 80)] })],
      { 'eth0→eth1 tcp/80': 'accept', 'eth0→eth1 tcp/81': 'drop' },
    ],
    [
      'a profile that is not there denies',
      [endpoint('h1', 'eth0', { profiles: ['gone', 'projectcalico-default-allow'] })],
      { 'eth0→local tcp/80': 'drop', 'eth0→eth1 tcp/80': 'accept' },
    ],
    [
      'protocols by name and number, their negations, and ports of SCTP',
      [
        ...both,
        policy('in', {
          applyOnForward: true,
          types: ['Ingress'],
          ingress: [
            { action: 'Allow', protocol: 47 },
            { action: 'Allow', protocol: '112' },
            { action: 'Allow', protocol: 'SCTP', destination: { ports: [80] } },
            { action: 'Deny', notProtocol: 'UDP' },
            { action: 'Allow', destination: { selector: 'all()' } },
            { action: 'Allow', protocol: 'UDP', destination: { notPorts: ['1:1023'] } },
          ],
        }),
      ],
      {
        'eth0→eth1 ip/47': 'accept',
        'eth0→eth1 ip/112': 'accept',
        'eth0→eth1 ip/89': 'drop',
        'eth0→local ip/50': 'drop',
        'eth0→local ip/47': 'accept',
        'eth0→eth1 sctp/80': 'accept',
        'eth0→eth1 sctp/81': 'drop',
        'eth0→eth1 tcp/80': 'drop',
        'eth0→eth1 udp/80': 'drop',
        'eth0→eth1 udp/5000': 'accept',
      },
    ],
    [
      'icmp and notICMP mean what they say',
      [
        ...both,
        policy('in', {
          applyOnForward: true,
          types: ['Ingress'],
          ingress: [
            { action: 'Allow', protocol: 'ICMP', icmp: { type: 8, code: 0 } },
            { action: 'Allow', protocol: 'ICMPv6', icmp: { type: 128 } },
            { action: 'Allow', protocol: 'ICMP', notICMP: { type: 13, code: 0 } },
            { action: 'Allow', protocol: 'ICMPv6', notICMP: { type: 139, code: 0 } },
          ],
        }),
      ],
      { 'eth0→eth1 icmp/8:128': 'accept', 'eth0→eth1 icmp/13:139': 'drop', 'eth0→local icmp/17:128': 'accept' },
    ],
  ])('%s', (_meaning, resources, verdicts) => expectVerdicts(lab, [node, ...resources], verdicts));
});

describe('neighbour discovery', () => {
  it.each<readonly [string, Manifest, Told]>([
    ['is cut by an endpoint of a Calico Node', node, 'drop'],
    ['is not cut on a Router', router('Deny'), 'accept'],
  ])('%s', (_meaning, machine, verdict) =>
    expectVerdicts(lab, [machine, ...both], { 'eth0→local icmp/0:135': verdict }, { families: [6] }),
  );
});

describe('with NAT', () => {
  const toRouter = { 4: '10.0.0.1', 6: '2001:db8::1' };
  const farServer = { 4: '10.0.1.2', 6: '[2001:db8:1::2]' };
  const dnat: Nat = {
    hook: 'prerouting',
    sentTo: { destination: toRouter, destinationPort: 8080 },
    statement: (family) => `dnat ${family === 4 ? 'ip' : 'ip6'} to ${farServer[family]}:80`,
  };
  const redirect: Nat = { ...dnat, statement: () => 'redirect to :80' };
  const fromRouter: Nat = {
    hook: 'output',
    sentTo: { destination: { 4: '10.0.0.2', 6: '2001:db8::2' }, destinationPort: 8080 },
    statement: dnat.statement,
  };

  it.each<readonly [...Row, Nat]>([
    [
      'a packet sees where it was sent to in preDNAT policy: allowed',
      [
        ...both,
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [toPort('Allow', 8080), toPort('Deny', 80)] }),
      ],
      { 'eth0→eth1 tcp/80': 'accept' },
      dnat,
    ],
    [
      'a packet sees where it was sent to in preDNAT policy: denied',
      [
        ...both,
        policy('early', { preDNAT: true, applyOnForward: true, ingress: [toPort('Allow', 80), toPort('Deny', 8080)] }),
      ],
      { 'eth0→eth1 tcp/80': 'drop' },
      dnat,
    ],
    [
      'a packet sees where it goes to in forward policy: allowed',
      [...both, policy('in', { applyOnForward: true, types: ['Ingress'], ingress: [toPort('Allow', 80)] })],
      { 'eth0→eth1 tcp/80': 'accept' },
      dnat,
    ],
    [
      'a packet sees where it goes to in forward policy: denied',
      [...both, policy('in', { applyOnForward: true, types: ['Ingress'], ingress: [toPort('Allow', 8080)] })],
      { 'eth0→eth1 tcp/80': 'drop' },
      dnat,
    ],
    [
      'a packet sees the new port in normal ingress when it is redirected to the router: allowed',
      [...both, policy('in', { ingress: [toPort('Allow', 80)] })],
      { 'eth0→local tcp/80': 'accept' },
      redirect,
    ],
    [
      'a packet sees the new port in normal ingress when it is redirected to the router: denied',
      [...both, policy('in', { ingress: [toPort('Allow', 8080)] })],
      { 'eth0→local tcp/80': 'drop' },
      redirect,
    ],
    [
      'a packet from the router is judged by the interface that it leaves by: allowed',
      [...both, policy('out', { selector: "at == 'eth1'", types: ['Egress'], egress: [toPort('Allow', 80)] })],
      { 'local→eth1 tcp/80': 'accept' },
      fromRouter,
    ],
    [
      'a packet from the router is judged by the interface that it leaves by: denied',
      [...both, policy('out', { selector: "at == 'eth0'", types: ['Egress'], egress: [{ action: 'Allow' }] })],
      { 'local→eth1 tcp/80': 'drop' },
      fromRouter,
    ],
  ])('%s', (_meaning, resources, verdicts, nat) => expectVerdicts(lab, [node, ...resources], verdicts, { nat }));
});

it('a fragment without its first never passes, whatever policy allows', async () => {
  await expectVerdicts(lab, [node, ...both], { 'eth0→eth1 udp/80': 'accept' }, { form: 'fragments' });
  const packet = {
    source: '10.0.0.2',
    destination: '10.0.1.2',
    protocol: 17,
    sourcePort: 1,
    destinationPort: 80,
    ct: 'new',
  };
  const [, later] = encodePacket({ ...packet, ct: 'new' }, 77, 'fragments');
  expect(await lab.sendBytes(0, later ?? Buffer.alloc(0))).toEqual([]);
});
