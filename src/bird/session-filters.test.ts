/** What the filters of sessions do to routes that few think of: marks at Calico's peers, default routes of the kernel. */
import { expect, it } from 'vitest';
import { resource } from '../resources/resource.fixture.ts';
import { compileBird, compileFunctions } from './compile.ts';
import { compileExport } from './compile-export.ts';
import { compileImport } from './compile-import.ts';
import { evaluateFilter, type FilterOutcome, type RouteFacts } from './evaluate.ts';
import { type Resolved, resolveFor, resolveHub } from './hub.fixture.ts';
import { facts } from './route-facts.fixture.ts';

function pass(resolved: Resolved, name: string, direction: 'import' | 'export', route: RouteFacts): FilterOutcome {
  const session = resolved.session(name);
  const channel = session.channels.find(({ family }) => family === route.prefix.family);
  if (!channel) throw new Error(`${name} carries no such family`);
  const functions = new Map(compileFunctions(resolved.routing).map((one) => [one.name, one]));
  const compile = direction === 'import' ? compileImport : compileExport;
  return evaluateFilter(compile(session, channel, resolved.routing), functions, route);
}

it('no mark of a Site leaves to a peer of another AS, be it Calico’s', () => {
  const peer = resource('BGPPeer', 'rack', { peerIP: '10.255.0.9', asNumber: 65099, filters: ['open'] });
  const open = resource('BGPFilter', 'open', { exportV4: [{ action: 'Accept' }] });
  const resolved = resolveHub('tr1', [peer, open]);
  const marked = facts('10.1.1.0/24', {
    communities: [
      [64520, 1, 77],
      [64520, 2, 1],
    ],
  });
  const outcome = pass(resolved, 'Global_10_255_0_9', 'export', marked);
  expect(outcome).toMatchObject({ kind: 'accepted', route: { communities: [[64520, 2, 1]] } });
});

const spoke = (bgp: object) =>
  resource('Attachment', 'spoke-a', {
    router: 'tr1',
    site: 'spoke-a',
    link: { interface: { name: 'eth1' } },
    addresses: { local: ['192.168.1.1/30'], remote: ['192.168.1.2'] },
    bgp: { asNumber: 64601, ...bgp },
  });

it.each<[string, Partial<RouteFacts>, string, object, FilterOutcome['kind']]>([
  [
    'our own',
    { source: 'static', protocol: 'cw_default4', discards: true },
    '0.0.0.0/0',
    { defaultOriginate: true },
    'accepted',
  ],
  [
    'the kernel’s in its place',
    { source: 'kernel', protocol: 'cw_kernel4' },
    '0.0.0.0/0',
    { defaultOriginate: true },
    'accepted',
  ],
  [
    'no other route of the kernel’s',
    { source: 'kernel', protocol: 'cw_kernel4' },
    '10.50.0.0/16',
    { defaultOriginate: true },
    'refused',
  ],
  ['neither unless asked for', { source: 'kernel', protocol: 'cw_kernel4' }, '0.0.0.0/0', {}, 'refused'],
])('as a default route is told %s', (_, more, prefix, bgp, expected) => {
  const route = facts(prefix, { asPath: [], ...more });
  expect(pass(resolveHub('tr1', [spoke(bgp)]), 'attachment_spoke_a_192_168_1_2', 'export', route).kind).toBe(expected);
});

it.each([
  ['10.0.0.0/9', 'accepted'],
  ['0.0.0.0/0', 'refused'],
])('of aggregates %s is %s by the kernel', (prefix, expected) => {
  const { routing } = resolveHub('tr1', [spoke({ aggregate: [prefix] })]);
  const kernel = compileBird(routing, { secrets: new Map() }).filters.find(({ name }) => name === 'cw_kernel_export4');
  if (!kernel) throw new Error('no filter of the kernel');
  const route = facts(prefix, { source: 'static', protocol: 'cw_aggregate4', discards: true, asPath: [] });
  expect(evaluateFilter(kernel, new Map(), route).kind).toBe(expected);
});

it('an internal peer may not announce the router’s own subnets either', () => {
  const wide = resource('Site', 'spoke-a', { type: 'vpc', prefixes: ['192.168.0.0/16'], segment: 'spokes' });
  const resolved = resolveHub('tr1', [spoke({ asNumber: 64520 }), wide]);
  const outcome = pass(resolved, 'attachment_spoke_a_192_168_1_2', 'import', facts('192.168.0.2/32', { asPath: [] }));
  expect(outcome).toMatchObject({ kind: 'refused', route: { communities: [[64520, 1004, 0]] } });
});

it('on a Calico node such communities are the user’s own, and stay', () => {
  const peer = resource('BGPPeer', 'rack', { node: 'n1', peerIP: '172.16.0.9', asNumber: 65099, filters: ['open'] });
  const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24', asNumber: 64512 } });
  const open = resource('BGPFilter', 'open', { exportV4: [{ action: 'Accept' }] });
  const route = facts('10.1.1.0/24', { communities: [[64512, 1, 2]] });
  const outcome = pass(resolveFor('n1', [node, peer, open]), 'Node_172_16_0_9', 'export', route);
  expect(outcome).toMatchObject({ kind: 'accepted', route: { communities: [[64512, 1, 2]] } });
});
