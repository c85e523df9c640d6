import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hub, resolveFor } from '../../bird/hub.fixture.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { printFacts, resolveFacts, type SessionFacts } from './facts.ts';

function factsOf(router: string, resources: readonly AnyResource[]) {
  return resolveFacts({ router, routing: resolveFor(router, resources).routing });
}

it('are a router as data: sessions by family and neighbor, each with all it is', () => {
  const facts = factsOf('tr1', hub);
  expect(facts).toMatchObject({
    router: 'tr1',
    routerID: '10.255.0.1',
    asNumber: 64520,
    listenPort: 179,
    listenOn: [],
  });
  expect(facts.sessions.map(({ neighbor }) => neighbor)).toEqual([
    '10.255.0.2',
    '192.168.0.2',
    '192.168.1.2',
    'fd00::2',
    'fd00:ff::2',
  ]);
  const [, { channels, ...main }] = facts.sessions as unknown as [SessionFacts, SessionFacts];
  expect(channels).toMatchObject([{ family: 4, extendedNextHop: false }]);
  expect(main).toEqual({
    name: 'attachment_dc_192_168_0_2',
    origin: 'Attachment/dc',
    family: 4,
    neighbor: '192.168.0.2',
    port: 179,
    remoteAS: 65010,
    localAS: 64520,
    type: 'eBGP',
    source: '192.168.0.1',
    passive: false,
    multihop: null,
    ttlSecurity: false,
    nextHop: 'self',
    rrClient: false,
    rrClusterId: null,
    gracefulRestart: null,
    keepalive: 3,
    hold: 9,
    allowLocalAS: 0,
    bfd: { minInterval: 300, multiplier: 3 },
    password: false,
    importFilters: [],
    exportFilters: [],
    importBound: { within: ['10.0.0.0/8'], except: ['10.1.0.0/16', '10.2.0.0/16'] },
    exportBound: { within: ['10.1.0.0/16', '10.2.0.0/16'], except: [] },
    acceptsDefaultRoute: false,
    localPref: null,
    med: null,
    communities: [],
    importLimit: null,
    exportLimit: null,
    role: null,
    enforcesFirstAS: true,
  });
  expect(facts.staticRoutes).toEqual([{ prefix: '10.2.0.0/16', via: '192.168.2.2', reason: 'attachment' }]);
});

it('say of a password only that there is one, and keep filters in their order', () => {
  const peer = resource('BGPPeer', 'p', {
    peerIP: '172.16.0.9',
    asNumber: 65001,
    ttlSecurity: 2,
    filters: ['z', 'a'],
    password: { secretKeyRef: { name: 'hidden', key: 'hidden' } },
  });
  const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24' } });
  const facts = factsOf('n1', [node, peer]);
  expect(facts.sessions).toMatchObject([
    { password: true, importFilters: ['z', 'a'], exportFilters: ['z', 'a'], multihop: 2, ttlSecurity: true },
  ]);
  expect(
    JSON.stringify({ ...facts, sessions: facts.sessions.map(({ importFilters, ...rest }) => rest) }),
  ).not.toContain('hidden');
});

it('print as the same bytes for the same resources', () => {
  const print = (resources: readonly AnyResource[]): string =>
    printFacts({ router: 'tr1', routing: resolveFor('tr1', resources).routing });
  expect(print(hub.toReversed())).toBe(print(hub));
  expect(print(hub)).toMatch(/^\{\n {2}"router": "tr1",\n/);
});

it('have no key that docs/facts.md does not explain, nor it one that they have not', () => {
  const text = readFileSync(new URL('../../../docs/facts.md', import.meta.url), 'utf8');
  const explained = [...text.matchAll(/^\| (`.+?`) \|/gm)].flatMap(([, keys = '']) => keys.match(/\w+/g) ?? []);
  const facts = factsOf('tr1', hub);
  const [session] = facts.sessions;
  const [channel] = session?.channels ?? [];
  const parts = [facts, session, facts.group, channel, channel?.import, channel?.export];
  expect([...new Set(explained)].sort()).toEqual([...new Set(parts.flatMap((part) => Object.keys(part ?? {})))].sort());
});

it('print each channel’s own bound, and null for whatever is not set', () => {
  const [channel] = factsOf('tr1', hub).sessions[1]?.channels ?? [];
  expect(channel?.import.bound).toEqual({ within: ['10.0.0.0/8'], except: ['10.1.0.0/16', '10.2.0.0/16'] });
  expect(channel?.import).toMatchObject({ originMark: { site: 'dc' }, hook: null, default: 'accept' });
  expect(channel?.export).toMatchObject({ originMark: { site: 'dc' }, limit: null, aggregates: [], default: 'reject' });
  expect(JSON.stringify(channel)).not.toContain('undefined');
  expect(Object.values(channel?.import ?? {})).not.toContain(undefined);
  expect(Object.values(channel?.export ?? {})).not.toContain(undefined);
});

it('say that a router that stands alone is in no group', () => {
  const node = resource('Node', 'n1', { bgp: { ipv4Address: '172.16.0.1/24' } });
  expect(factsOf('n1', [node])).toMatchObject({ group: null, drained: false, ownPrefixes: expect.any(Array) });
});
