/**
 * What holds where nothing is said: the defaults table of semantics §4.9, each row with real packets of both families.
 *
 * Its row of workload endpoints is not here: a router has none.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { openPacketLab, type PacketLab } from '../nftables/packet-lab.ts';
import { calico, expectVerdicts, node, router, type Told } from './verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

const on = (interfaceName: string, profiles?: readonly string[]): Manifest =>
  calico(
    'HostEndpoint',
    interfaceName === '*' ? 'everywhere' : `on-${interfaceName}`,
    { node: 'r1', interfaceName, ...(profiles && { profiles }) },
    { role: 'wan' },
  );
const allowing = ['projectcalico-default-allow'];
const web = { action: 'Allow', protocol: 'TCP', destination: { ports: [80] } };
const policy = (spec: Manifest['spec']): Manifest => calico('GlobalNetworkPolicy', 'p', { selector: 'all()', ...spec });

type Row = readonly [situation: string, resources: readonly Manifest[], verdicts: Readonly<Record<string, Told>>];

/** The columns of the table: to the router, from it, and through it, from the interface in question and to it. */
function columns(localIn: Told, localOut: Told, forwardIn: Told, forwardOut: Told): Readonly<Record<string, Told>> {
  return {
    'eth0→local tcp/443': localIn,
    'local→eth0 tcp/443': localOut,
    'eth0→eth1 tcp/443': forwardIn,
    'eth1→eth0 tcp/443': forwardOut,
  };
}

describe('a Calico Node', () => {
  it.each<Row>([
    ['an interface has no HostEndpoint', [], columns('accept', 'accept', 'accept', 'accept')],
    [
      'a HostEndpoint without policy and profile: denied, but for failsafes and what is established',
      [on('eth0')],
      {
        ...columns('drop', 'drop', 'accept', 'accept'),
        'eth0→local tcp/22': 'accept',
        'eth0→local udp/68': 'accept',
        'eth0→local tcp/179': 'accept',
        'local→eth0 udp/53': 'accept',
        'local→eth0 tcp/22': 'drop',
        'eth0→local udp/7 established': 'accept',
        'local→eth0 udp/8 established': 'accept',
        'eth0→eth1 tcp/9 established': 'accept',
        'eth0→local icmp/3:1 related': 'accept',
        'eth0→eth1 icmp/3:1 related': 'accept',
        'eth0→eth1 tcp/10 invalid': 'drop',
        'eth0→local tcp/11 invalid': 'drop',
        'eth1→local tcp/443': 'accept',
      },
    ],
    [
      'a HostEndpoint with the profile projectcalico-default-allow and no policy',
      [on('eth0', allowing)],
      columns('accept', 'accept', 'accept', 'accept'),
    ],
    [
      'policy of type Ingress only, not for forwarded traffic: egress is denied where no profile decides',
      [on('eth0'), policy({ types: ['Ingress'], ingress: [web] })],
      { ...columns('drop', 'drop', 'accept', 'accept'), 'eth0→local tcp/80': 'accept' },
    ],
    [
      'policy of type Ingress only, with a profile: egress is the profile’s, ingress ends with the tier',
      [on('eth0', allowing), policy({ types: ['Ingress'], ingress: [web] })],
      { ...columns('drop', 'accept', 'accept', 'accept'), 'eth0→local tcp/80': 'accept' },
    ],
    [
      'applyOnForward policy in the direction, and no match',
      [
        on('eth0', allowing),
        policy({ applyOnForward: true, types: ['Ingress', 'Egress'], ingress: [web], egress: [web] }),
      ],
      { ...columns('drop', 'drop', 'drop', 'drop'), 'eth0→eth1 tcp/80': 'accept', 'eth1→eth0 tcp/80': 'accept' },
    ],
    [
      'applyOnForward policy only for the other direction, without a profile',
      [on('eth0'), policy({ applyOnForward: true, types: ['Egress'], egress: [web] })],
      columns('drop', 'drop', 'accept', 'drop'),
    ],
    [
      'applyOnForward policy only for the other direction, with a profile',
      [on('eth0', allowing), policy({ applyOnForward: true, types: ['Egress'], egress: [web] })],
      columns('accept', 'drop', 'accept', 'drop'),
    ],
    [
      'preDNAT policy alone, and no match: as if there were no policy',
      [on('eth0'), policy({ applyOnForward: true, preDNAT: true, ingress: [web] })],
      { ...columns('drop', 'drop', 'accept', 'accept'), 'eth0→local tcp/80': 'accept' },
    ],
    [
      'preDNAT policy alone, and no match, with a profile',
      [on('eth0', allowing), policy({ applyOnForward: true, preDNAT: true, ingress: [web] })],
      columns('accept', 'accept', 'accept', 'accept'),
    ],
    [
      'doNotTrack policy alone, and no match: as if there were no policy',
      [on('eth0'), policy({ applyOnForward: true, doNotTrack: true, ingress: [web], egress: [web] })],
      { ...columns('drop', 'drop', 'accept', 'accept'), 'eth0→local tcp/80': 'accept', 'local→eth0 tcp/80': 'accept' },
    ],
    [
      'doNotTrack policy alone, and no match, with a profile',
      [on('eth0', allowing), policy({ applyOnForward: true, doNotTrack: true, ingress: [web], egress: [web] })],
      columns('accept', 'accept', 'accept', 'accept'),
    ],
    [
      'a wildcard HostEndpoint: loopback is under it too',
      [on('*')],
      { ...columns('drop', 'drop', 'accept', 'accept'), 'local→lo tcp/443': 'drop', 'local→lo tcp/22': 'drop' },
    ],
  ])('%s', (_situation, resources, verdicts) => expectVerdicts(lab, [node, ...resources], verdicts));
});

describe('a Router', () => {
  it.each<Row>([
    [
      'that is open has the defaults of a Calico Node',
      [router('Allow'), on('eth0')],
      { ...columns('drop', 'drop', 'accept', 'accept'), 'eth0→local tcp/22': 'accept' },
    ],
    [
      'forwards nothing where no policy speaks',
      [router('Deny'), on('eth0')],
      {
        ...columns('drop', 'drop', 'drop', 'drop'),
        'eth0→local tcp/22': 'accept',
        'eth0→eth1 tcp/9 established': 'accept',
      },
    ],
    ['without any HostEndpoint forwards nothing', [router('Deny')], columns('accept', 'accept', 'drop', 'drop')],
    [
      'leaves loopback out of a wildcard HostEndpoint',
      [router('Deny'), on('*')],
      { ...columns('drop', 'drop', 'drop', 'drop'), 'local→lo tcp/443': 'accept' },
    ],
  ])('%s', (_situation, resources, verdicts) => expectVerdicts(lab, resources, verdicts));
});
