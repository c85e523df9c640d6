import { describe, expect, it } from 'vitest';
import { address } from '../../net/literals.fixture.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { explainPacket } from '../../verdict/explain-packet.ts';
import type { Passage } from '../../verdict/packet.ts';
import { node, policy, resolve } from './policy.fixture.ts';

/** The worked verdicts of semantics §4.16, from resources: h1 on eth0 is wan, h2 on eth1 is lan, of a Calico Node. */
const hosts = [
  node,
  resource('HostEndpoint', 'h1', { node: 'r1', interfaceName: 'eth0' }, { role: 'wan' }),
  resource('HostEndpoint', 'h2', { node: 'r1', interfaceName: 'eth1' }, { role: 'lan' }),
];
const web = {
  selector: "role == 'wan'",
  ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80] } }],
} as const;
const a = policy('a', web);
const forwardA = policy('a', { ...web, applyOnForward: true });
const b = policy('b', {
  selector: "role == 'wan'",
  order: 0,
  applyOnForward: true,
  preDNAT: true,
  types: ['Ingress'],
  ingress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8'] } }],
});
const c = policy('c', {
  selector: "role == 'wan'",
  applyOnForward: true,
  doNotTrack: true,
  ingress: [{ action: 'Deny', source: { nets: ['203.0.113.0/24'] } }],
});
const d = policy('d', {
  applyOnForward: true,
  types: ['Ingress', 'Egress'],
  ingress: [{ action: 'Pass' }],
  egress: [{ action: 'Pass' }],
});
const t1 = [
  resource('Tier', 't1', { order: 10, defaultAction: 'Pass' }),
  policy('a', { ...web, tier: 't1', applyOnForward: true }),
  policy('rest', { applyOnForward: true, ingress: [{ action: 'Allow' }] }),
];

function passage(way: string): Passage {
  const [from = '', to = ''] = way.split('→');
  if (to === 'local') return { kind: 'local-in', inbound: from };
  if (from === 'local') return { kind: 'local-out', outbound: to };
  return { kind: 'forward', inbound: from, outbound: to };
}

describe('worked verdicts, from resources', () => {
  it.each<[string, AnyResource[], string, number, string, string]>([
    ['nothing', [], 'eth0→local', 22, '192.0.2.1', 'accept'],
    ['nothing', [], 'eth0→local', 80, '192.0.2.1', 'drop'],
    ['nothing', [], 'eth0→eth1', 80, '192.0.2.1', 'accept'],
    ['A', [a], 'eth0→eth1', 443, '192.0.2.1', 'accept'],
    ['A with AoF', [forwardA], 'eth0→eth1', 443, '192.0.2.1', 'drop'],
    ['A with AoF', [forwardA], 'eth1→eth0', 443, '192.0.2.1', 'accept'],
    ['A with AoF', [forwardA], 'eth0→local', 80, '192.0.2.1', 'accept'],
    ['A with AoF', [forwardA], 'local→eth0', 80, '192.0.2.1', 'drop'],
    ['A with AoF and preDNAT B', [forwardA, b], 'eth0→eth1', 443, '10.1.1.1', 'accept'],
    ['A with AoF and preDNAT B', [forwardA, b], 'eth0→eth1', 443, '192.0.2.1', 'drop'],
    ['doNotTrack C', [c], 'eth0→eth1', 22, '203.0.113.5', 'accept'],
    ['doNotTrack C', [c], 'eth0→eth1', 80, '203.0.113.5', 'drop'],
    ['D passes all', [d], 'eth0→eth1', 80, '192.0.2.1', 'accept'],
    ['D passes all', [d], 'eth0→local', 80, '192.0.2.1', 'drop'],
    ['a tier that passes, then the default tier', t1, 'eth0→eth1', 443, '192.0.2.1', 'accept'],
  ])('%s (%#)', (_title, policies, way, port, source, expected) => {
    const { policy: intent } = resolve([...hosts, ...policies]);
    const packet = {
      source: address(source),
      destination: address('198.51.100.1'),
      protocol: 6,
      sourcePort: 40000,
      destinationPort: port,
      ctState: 'new',
    } as const;
    expect(explainPacket(intent, passage(way), packet, () => undefined).verdict).toBe(expected);
  });
});
