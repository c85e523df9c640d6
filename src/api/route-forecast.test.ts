import { describe, expect, it } from 'vitest';
import type { Community } from '../bird/config.ts';
import { resolveHub } from '../bird/hub.fixture.ts';
import { parsePrefix } from '../net/prefix.ts';
import { resource } from '../resources/resource.fixture.ts';
import { findSessions } from './route-explanation.ts';
import { forecastRoute } from './route-forecast.ts';

const hub = resolveHub('tr1', [
  resource('BGPFilter', 'in', { importV4: [{ action: 'Reject', matchOperator: 'Equal', cidr: '10.1.66.0/24' }] }),
  resource('Attachment', 'spoke-a', {
    router: 'tr1',
    site: 'spoke-a',
    link: { interface: { name: 'eth1' } },
    addresses: { local: ['192.168.1.1/30'], remote: ['192.168.1.2'] },
    bgp: { asNumber: 64601, importFilters: ['in'] },
  }),
]);

interface Asked {
  readonly from?: string;
  readonly to?: string;
  readonly asPath?: readonly number[];
  readonly communities?: readonly Community[];
}

function ask(text: string, { from, to, asPath, communities = [] }: Asked = {}) {
  const { routing } = hub;
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`${text} is no prefix`);
  const named = (peer: string | undefined) =>
    peer === undefined ? routing.sessions : findSessions(routing, peer, prefix.family);
  return forecastRoute(routing, { prefix, from: named(from), to: named(to), asPath, communities }).routes;
}

describe('from files alone, a prefix is learned or not', () => {
  it.each<[string, string, Asked, 'yes' | 'no', RegExp]>([
    ['inside its Site', '10.1.0.0/24', {}, 'yes', /accepts it/],
    ['outside', '10.2.0.0/24', {}, 'no', /no Site at this end/],
    ['a default route', '0.0.0.0/0', {}, 'no', /default route/],
    ['refused by a rule', '10.1.66.0/24', {}, 'no', /rule importV4\[0\] of BGPFilter\/in/],
    ["with another's AS in front", '10.1.0.0/24', { asPath: [65099, 64601] }, 'no', /first AS/],
    ['with our own AS in the path', '10.1.0.0/24', { asPath: [64601, 64520] }, 'no', /a loop/],
    ['of a family that the session does not carry', 'fd10:0:1::/64', {}, 'no', /carries no IPv6/],
  ])('%s', (_, prefix, asked, outcome, reason) => {
    const [route] = ask(prefix, { from: 'spoke-a', ...asked });
    expect(route?.learned.outcome).toBe(outcome);
    expect(route?.learned.reason).toMatch(reason);
    expect(route?.told.length === 0).toBe(outcome === 'no');
  });
});

describe('from files alone, a route is told or not', () => {
  it.each<[string, string, Asked, 'yes' | 'no', RegExp]>([
    ['to a Site that may have it', 'dc', {}, 'yes', /lets it through/],
    ['to where it came from', 'spoke-a', {}, 'no', /this very peer/],
    ['inside the group', 'tr2', {}, 'yes', /lets it through/],
    ['outside with NO_EXPORT', 'dc', { communities: [[65535, 65281]] }, 'no', /no-export/],
    ['to anybody with NO_ADVERTISE', 'tr2', { communities: [[65535, 65282]] }, 'no', /no-advertise/],
  ])('%s', (_, to, asked, outcome, reason) => {
    const [route] = ask('10.1.0.0/24', { from: 'spoke-a', to, ...asked });
    expect(route?.told).toHaveLength(1);
    expect(route?.told[0]).toMatchObject({ outcome, reason: expect.stringMatching(reason) });
  });

  it("counts the router's own static routes", () => {
    const [own] = ask('10.2.0.0/16', { from: 'dc', to: 'dc' });
    expect(own).toMatchObject({ session: null, learned: { outcome: 'yes' }, told: [{ outcome: 'yes' }] });
  });
});
