/**
 * The worked verdicts of semantics §4.16, each row with real packets of both families, in one piece and in fragments.
 *
 * h1 on eth0 is wan, h2 on eth1 is lan; no profiles; only the default tier, where nothing else is said.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Manifest } from '../../properties/naive/manifest.ts';
import { openPacketLab, type PacketLab } from '../nftables/packet-lab.ts';
import { calico, expectVerdicts, node, type Told } from './verdict-table.ts';

let lab: PacketLab;
beforeAll(async () => {
  lab = await openPacketLab();
});
afterAll(() => lab?.close());

const machine = [
  node,
  calico('HostEndpoint', 'h1', { node: 'r1', interfaceName: 'eth0' }, { role: 'wan' }),
  calico('HostEndpoint', 'h2', { node: 'r1', interfaceName: 'eth1' }, { role: 'lan' }),
];

const policy = (name: string, spec: Manifest['spec']): Manifest => calico('GlobalNetworkPolicy', name, spec);
const web = {
  selector: "role == 'wan'",
  ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80] } }],
};
const A = policy('a', web);
const forwardA = policy('a', { ...web, applyOnForward: true });
const B = policy('b', {
  selector: "role == 'wan'",
  order: 0,
  preDNAT: true,
  applyOnForward: true,
  ingress: [{ action: 'Allow', source: { nets: ['$ten'] } }],
});
const C = policy('c', {
  selector: "role == 'wan'",
  doNotTrack: true,
  applyOnForward: true,
  ingress: [{ action: 'Deny', source: { nets: ['$doc'] } }],
});
const D = policy('d', {
  selector: 'has(role)',
  applyOnForward: true,
  types: ['Ingress', 'Egress'],
  ingress: [{ action: 'Pass' }],
  egress: [{ action: 'Pass' }],
});
const tiered = [
  calico('Tier', 't1', { order: 10, defaultAction: 'Pass' }),
  policy('a', { ...web, tier: 't1', applyOnForward: true }),
  policy('rest', { selector: 'has(role)', applyOnForward: true, ingress: [{ action: 'Allow' }] }),
];

const rows: readonly (readonly [policies: string, packet: string, verdict: Told, resources: readonly Manifest[]])[] = [
  ['none', 'eth0→local tcp/22', 'accept', []],
  ['none', 'eth0→local tcp/80', 'drop', []],
  ['none', 'eth0→eth1 tcp/80', 'accept', []],
  ['A', 'eth0→eth1 tcp/443', 'accept', [A]],
  ['A with applyOnForward', 'eth0→eth1 tcp/443', 'drop', [forwardA]],
  ['A with applyOnForward', 'eth1→eth0 tcp/443', 'accept', [forwardA]],
  ['A with applyOnForward', 'eth0→local tcp/80', 'accept', [forwardA]],
  ['A with applyOnForward', 'local→eth0 tcp/80', 'drop', [forwardA]],
  ['A with applyOnForward, B preDNAT', 'eth0→eth1 tcp/443 from ten', 'accept', [forwardA, B]],
  ['A with applyOnForward, B preDNAT', 'eth0→eth1 tcp/443 from doc', 'drop', [forwardA, B]],
  ['C doNotTrack', 'eth0→eth1 tcp/22 from doc', 'accept', [C]],
  ['C doNotTrack', 'eth0→eth1 tcp/80 from doc', 'drop', [C]],
  ['C doNotTrack', 'eth0→eth1 tcp/80 from ten', 'accept', [C]],
  ['D passes all', 'eth0→eth1 tcp/80', 'accept', [D]],
  ['D passes all', 'eth0→local tcp/80', 'drop', [D]],
  ['A in a tier that passes, then Allow all', 'eth0→eth1 tcp/443', 'accept', tiered],
];

it.each(rows)('%s: %s is %s', (_policies, packet, verdict, resources) =>
  expectVerdicts(lab, [...machine, ...resources], { [packet]: verdict }),
);

it.each(rows)('%s, in fragments: %s is %s', (_policies, packet, verdict, resources) =>
  expectVerdicts(lab, [...machine, ...resources], { [packet]: verdict }, { form: 'last fragment first' }),
);

it('would notice a wrong verdict', async () => {
  await expect(expectVerdicts(lab, machine, { 'eth0→local tcp/80': 'accept' })).rejects.toThrow();
});
