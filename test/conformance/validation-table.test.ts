/**
 * What is accepted and what is refused: every row of the table of semantics §1.18, in its order, and the least that each kind
 * of §1.3 to §1.17, and each of ours, needs.
 *
 * Where the verdict is not Calico's, the row says so; docs/calico-compatibility.md has the reasons.
 */
import { describe, expect, it } from 'vitest';
import { parseFile } from '../../src/resources/document.ts';
import { kindEntry, kinds } from '../../src/resources/kinds.ts';
import { checkReferences } from '../../src/resources/references.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';

type Verdict = 'accept' | 'reject';
type Row = readonly [input: string, verdict: Verdict, ...documents: readonly object[]];

/** The whole set of documents, as `causeway validate` would have it. */
function verdictOf(text: string): { verdict: Verdict; reasons: readonly string[] } {
  const { resources, errors } = parseFile({ path: 'row.yaml', text });
  const found = errors.length > 0 ? errors : checkReferences(makeSnapshot(resources)).errors;
  return {
    verdict: found.length > 0 ? 'reject' : 'accept',
    reasons: found.map(({ field, reason }) => `${field} ${reason}`),
  };
}

function print(documents: readonly object[]): string {
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

function object(
  kind: string,
  spec: object,
  metadata: object = { name: kind === 'FelixConfiguration' ? 'default' : 'x' },
) {
  const entry = kindEntry(kind);
  const envelope = { apiVersion: entry?.apiVersion, kind, metadata };
  return entry?.isFlat ? { ...envelope, ...spec } : { ...envelope, spec };
}

const gnp = (spec: object) => object('GlobalNetworkPolicy', spec);
const hep = (spec: object) => object('HostEndpoint', spec);
const ingress = (rule: object) => gnp({ ingress: [{ action: 'Allow', ...rule }] });
const egress = (rule: object) => gnp({ egress: [{ action: 'Allow', ...rule }] });
const source = (side: object, rule: object = {}) => ingress({ ...rule, source: side });
const destination = (side: object, rule: object = {}) => ingress({ ...rule, destination: side });
const tcp = { protocol: 'TCP' };
const http = { methods: ['GET'] };
const filter = (rule: object) => object('BGPFilter', { exportV4: [{ action: 'Accept', ...rule }] });

describe('semantics §1.18', () => {
  it.each<Row>([
    ['an unknown field anywhere in spec', 'reject', gnp({ selectors: 'all()' })],
    ['an unknown field anywhere in spec', 'reject', source({ domains: ['example.org'] })],
    ['HostEndpoint without node', 'reject', hep({ interfaceName: 'eth0' })],
    ['HostEndpoint without interfaceName and expectedIPs', 'reject', hep({ node: 'r1' })],
    ['HostEndpoint with expectedIPs alone', 'accept', hep({ node: 'r1', expectedIPs: ['10.0.0.1', 'fd00::1'] })],
    ['HostEndpoint interfaceName eth0*', 'reject', hep({ node: 'r1', interfaceName: 'eth0*' })],
    ['HostEndpoint interfaceName *', 'accept', hep({ node: 'r1', interfaceName: '*' })],
    ['HostEndpoint interfaceName of 16 characters', 'reject', hep({ node: 'r1', interfaceName: 'a'.repeat(16) })],
    ['HostEndpoint interfaceName of 15 characters', 'accept', hep({ node: 'r1', interfaceName: 'a'.repeat(15) })],
    ['HostEndpoint expectedIPs 10.0.0.1/32', 'reject', hep({ node: 'r1', expectedIPs: ['10.0.0.1/32'] })],
    ['preDNAT without applyOnForward', 'reject', gnp({ preDNAT: true })],
    ['doNotTrack without applyOnForward', 'reject', gnp({ doNotTrack: true })],
    ['preDNAT with applyOnForward', 'accept', gnp({ preDNAT: true, applyOnForward: true })],
    ['doNotTrack with applyOnForward', 'accept', gnp({ doNotTrack: true, applyOnForward: true })],
    [
      'preDNAT with an egress rule',
      'reject',
      gnp({ preDNAT: true, applyOnForward: true, egress: [{ action: 'Deny' }] }),
    ],
    ['preDNAT with type Egress', 'reject', gnp({ preDNAT: true, applyOnForward: true, types: ['Egress'] })],
    ['preDNAT with doNotTrack', 'reject', gnp({ preDNAT: true, doNotTrack: true, applyOnForward: true })],
    ['types [Ingress, Ingress]', 'reject', gnp({ types: ['Ingress', 'Ingress'] })],
    ['types [Ingress, Egress]', 'accept', gnp({ types: ['Ingress', 'Egress'] })],
    ['a newline in a selector', 'reject', gnp({ selector: "foo == 'bar'\n" })],
    ['the selector without it', 'accept', gnp({ selector: "foo == 'bar'" })],
    ['a policy in a tier that does not exist', 'reject', gnp({ tier: 'absent' })],
    ['a policy in a tier that does', 'accept', gnp({ tier: 't' }), object('Tier', {}, { name: 't' })],
    ['nets 10.0.0.1/8', 'reject', source({ nets: ['10.0.0.1/8'] })],
    ['nets 10.0.0.1', 'reject', source({ nets: ['10.0.0.1'] })],
    ['nets 10.0.0.0/8', 'accept', source({ nets: ['10.0.0.0/8'] })],
    ['nets of both families in one list', 'reject', source({ nets: ['10.0.0.0/8', 'fd00::/8'] })],
    [
      'nets of both families across source and destination',
      'reject',
      ingress({ source: { nets: ['10.0.0.0/8'] }, destination: { notNets: ['fd00::/8'] } }),
    ],
    ['ipVersion 4 with IPv6 nets', 'reject', source({ nets: ['fd00::/8'] }, { ipVersion: 4 })],
    ['ipVersion 6 with IPv6 nets', 'accept', source({ nets: ['fd00::/8'] }, { ipVersion: 6 })],
    ['notNets 0.0.0.0/0', 'reject', source({ notNets: ['0.0.0.0/0'] })],
    ['notNets ::/0', 'reject', destination({ notNets: ['::/0'] })],
    ['nets 0.0.0.0/0', 'accept', source({ nets: ['0.0.0.0/0'] })],
    ['ports 80 without protocol', 'reject', destination({ ports: [80] })],
    ['ports 80 with notProtocol only', 'reject', destination({ ports: [80] }, { notProtocol: 'TCP' })],
    ['ports 80 with protocol TCP', 'accept', destination({ ports: [80] }, tcp)],
    ['ports 80 with protocol 132', 'accept', destination({ ports: [80] }, { protocol: 132 })],
    ['ports [http] without protocol', 'accept', destination({ ports: ['http'] })],
    ['protocol tcp', 'reject', ingress({ protocol: 'tcp' })],
    ['protocol 0', 'reject', ingress({ protocol: 0 })],
    ['protocol 256', 'reject', ingress({ protocol: 256 })],
    ['protocol "256"', 'reject', ingress({ protocol: '256' })],
    ['protocol 1', 'accept', ingress({ protocol: 1 })],
    ['protocol "255"', 'accept', ingress({ protocol: '255' })],
    ['notProtocol 255', 'accept', ingress({ notProtocol: 255 })],
    ['protocol ICMP with ports', 'reject', destination({ ports: [80] }, { protocol: 'ICMP' })],
    ['protocol ICMP with a named port', 'reject', destination({ ports: ['http'] }, { protocol: 'ICMP' })],
    ['icmp without protocol', 'reject', ingress({ icmp: { type: 8 } })],
    ['icmp with protocol TCP', 'reject', ingress({ ...tcp, icmp: { type: 8 } })],
    ['icmp with protocol 58', 'accept', ingress({ protocol: 58, icmp: { type: 128 } })],
    ['notICMP without protocol', 'accept', ingress({ notICMP: { type: 8 } })],
    ['icmp type 255', 'reject', ingress({ protocol: 'ICMP', icmp: { type: 255 } })],
    ['icmp type 254 and code 255', 'accept', ingress({ protocol: 'ICMP', icmp: { type: 254, code: 255 } })],
    ['icmp type 0 and code 0', 'accept', ingress({ protocol: 'ICMP', icmp: { type: 0, code: 0 } })],
    ['icmp code 256', 'reject', ingress({ protocol: 'ICMP', icmp: { type: 8, code: 256 } })],
    ['icmp code without type', 'reject', ingress({ protocol: 'ICMP', icmp: { code: 0 } })],
    ['protocol ICMP with ipVersion 6', 'reject', ingress({ protocol: 'ICMP', ipVersion: 6 })],
    ['protocol ICMPv6 with ipVersion 4', 'reject', ingress({ protocol: 'ICMPv6', ipVersion: 4 })],
    ['protocol ICMPv6 with ipVersion 6', 'accept', ingress({ protocol: 'ICMPv6', ipVersion: 6 })],
    ['http with action Deny', 'reject', ingress({ ...tcp, action: 'Deny', http })],
    ['http with action Log', 'reject', ingress({ ...tcp, action: 'Log', http })],
    ['http with action Pass', 'reject', ingress({ ...tcp, action: 'Pass', http })],
    ['http with protocol UDP', 'reject', ingress({ protocol: 'UDP', http })],
    ['http in egress', 'reject', egress({ ...tcp, http })],
    ['http with Allow, which Calico accepts and widens', 'reject', ingress({ ...tcp, http })],
    ['ports 0', 'reject', destination({ ports: [0] }, tcp)],
    ['ports "10:5"', 'reject', destination({ ports: ['10:5'] }, tcp)],
    ['ports 70000', 'reject', destination({ ports: [70000] }, tcp)],
    ['ports "5:5"', 'accept', destination({ ports: ['5:5'] }, tcp)],
    ['a tier named my.tier', 'reject', object('Tier', {}, { name: 'my.tier' })],
    ['tier default with another order', 'reject', object('Tier', { order: 5 }, { name: 'default' })],
    ['tier default with another action', 'reject', object('Tier', { defaultAction: 'Pass' }, { name: 'default' })],
    [
      'a GlobalNetworkSet with label projectcalico.org/namespace',
      'reject',
      object('GlobalNetworkSet', {}, { name: 'x', labels: { 'projectcalico.org/namespace': 'a' } }),
    ],
    ['BGPPeer with node and nodeSelector', 'reject', object('BGPPeer', { node: 'a', nodeSelector: 'all()' })],
    [
      'BGPPeer with peerIP and peerSelector',
      'reject',
      object('BGPPeer', { peerIP: '10.0.0.9', peerSelector: 'all()' }),
    ],
    ['BGPPeer with asNumber and peerSelector', 'reject', object('BGPPeer', { asNumber: 1, peerSelector: 'all()' })],
    ['BGPPeer without anything, which means nothing', 'accept', object('BGPPeer', {})],
    [
      'BGPPeer with peerIP and no asNumber, which Calico accepts as AS 0',
      'reject',
      object('BGPPeer', { peerIP: '10.0.0.9' }),
    ],
    ['BGPFilter cidr without matchOperator', 'reject', filter({ cidr: '10.0.0.0/8' })],
    ['BGPFilter matchOperator without cidr', 'reject', filter({ matchOperator: 'In' })],
    ['BGPFilter cidr with matchOperator', 'accept', filter({ cidr: '10.0.0.0/8', matchOperator: 'In' })],
    [
      'BGPFilter prefixLength min > max, which Calico accepts and BIRD refuses',
      'reject',
      filter({ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 24, max: 16 } }),
    ],
    [
      'FelixConfiguration failsafe without protocol, which stops Calico’s agent and means TCP here',
      'accept',
      object('FelixConfiguration', { failsafeInboundHostPorts: [{ port: 22 }] }),
    ],
  ])('%s: %s', (_input, verdict, ...documents) => {
    const told = verdictOf(print(documents as object[]));
    expect(told.verdict, told.reasons.join('\n')).toBe(verdict);
    expect(told.reasons.every((reason) => reason.length > 10)).toBe(true);
  });

  it('a selector written as a literal block is refused for its newline', () => {
    const text =
      'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: x}\nspec:\n  selector: |\n    a == "b"\n';
    expect(verdictOf(text)).toMatchObject({ verdict: 'reject', reasons: [expect.stringContaining('line break')] });
  });
});

describe('the least that a kind needs', () => {
  interface Least {
    readonly spec: object;
    readonly metadata?: object;
    readonly others?: readonly object[];
  }
  const name = { name: 'x' };
  const router = object('Router', { asNumber: 64520 }, { name: 'r' });
  const site = object('Site', { type: 'vpc' }, { name: 's' });
  const least: Readonly<Record<string, Least>> = {
    Tier: { spec: {} },
    GlobalNetworkPolicy: { spec: {} },
    NetworkPolicy: { spec: {} },
    StagedGlobalNetworkPolicy: { spec: {} },
    StagedNetworkPolicy: { spec: {} },
    GlobalNetworkSet: { spec: {} },
    NetworkSet: { spec: {} },
    HostEndpoint: { spec: { node: 'a', interfaceName: 'eth0' } },
    WorkloadEndpoint: {
      spec: { orchestrator: 'k8s', node: 'a', pod: 'p', endpoint: 'eth0', ipNetworks: ['10.0.0.1/32'] },
      metadata: { name: 'a-k8s-p-eth0', namespace: 'd' },
    },
    Profile: { spec: {} },
    Node: { spec: {} },
    IPPool: { spec: { cidr: '10.0.0.0/16' } },
    BGPConfiguration: { spec: {}, metadata: { name: 'default' } },
    BGPPeer: { spec: {} },
    BGPFilter: { spec: {} },
    FelixConfiguration: { spec: {}, metadata: { name: 'default' } },
    CalicoNodeStatus: { spec: { node: 'a', classes: ['BGP'], updatePeriodSeconds: 10 } },
    Router: { spec: { asNumber: 64520 } },
    Site: { spec: { type: 'vpc' } },
    Attachment: {
      spec: {
        ...{ router: 'r', site: 's', link: { interface: { name: 'eth1' } } },
        ...{ addresses: { local: ['192.0.2.1/30'], remote: ['192.0.2.2'] }, bgp: { asNumber: 65010 } },
      },
      others: [router, site],
    },
    Segment: { spec: {} },
    Assertion: { spec: { from: { selector: 'all()' }, to: { nets: ['10.0.0.0/8'] }, expect: 'Allow' } },
    LabelSource: { spec: { kubernetes: {} } },
    EndpointSlice: { spec: { addressType: 'IPv4' }, metadata: { name: 'x', namespace: 'd' } },
  };

  const rows = kinds.map(({ kind }) => [kind, least[kind] ?? { spec: {} }] as const);

  it.each(rows)('%s', (kind, { spec, metadata = name, others = [] }) => {
    expect(verdictOf(print([object(kind, spec, metadata), ...others]))).toEqual({ verdict: 'accept', reasons: [] });
  });

  it.each(rows)('%s without a name is refused', (kind, { spec, others = [] }) => {
    expect(verdictOf(print([object(kind, spec, {}), ...others])).verdict).toBe('reject');
  });

  it.each(rows)('%s with a field that nobody knows is refused', (kind, { spec, metadata = name, others = [] }) => {
    const told = verdictOf(print([object(kind, { ...spec, nobodyKnows: 1 }, metadata), ...others]));
    expect(told).toMatchObject({ verdict: 'reject', reasons: [expect.stringContaining('nobodyKnows')] });
  });
});
