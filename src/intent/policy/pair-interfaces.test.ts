import { expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource } from '../../resources/resource.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { resolveIntent } from '../resolve-intent.ts';

/** A router of the pair; its number is the last part of each of its addresses. */
const router = (number: number, parts: { readonly isSharing?: boolean; readonly group?: string } = {}): AnyResource => {
  const { isSharing = true, group = 'pair' } = parts;
  return resource('Router', `r${number}`, {
    asNumber: 64520,
    redundancyGroup: group,
    ...(isSharing && { stateSync: { interface: 'sync0' } }),
    interfaces: [
      { name: 'sync0', addresses: [`192.0.2.${number}/29`] },
      { name: 'hub0', addresses: [`198.51.100.${number}/29`, `2001:db8:30::${number}/64`] },
      { name: 'lan0', addresses: [`203.0.113.${number}/29`] },
      { name: 'own0', addresses: [`10.${number}.0.1/24`] },
    ],
  });
};
const site = resource('Site', 'office', { type: 'datacenter', prefixes: ['10.9.0.0/16'] });
const overLan = resource('Attachment', 'r1-office', {
  router: 'r1',
  site: 'office',
  link: { interface: { name: 'lan0' } },
  addresses: { local: ['203.0.113.1/29'], remote: ['203.0.113.6'] },
  static: { prefixes: ['10.9.0.0/16'] },
});

it.each([
  ['those with a subnet of both', [router(1), router(2)], ['hub0', 'lan0', 'sync0']],
  ['but for one that leads to a Site too', [router(1), router(2), site, overLan], ['hub0', 'sync0']],
  ['none where the other one shares no state', [router(1), router(2, { isSharing: false })], undefined],
  ['none in a group of three', [router(1), router(2), router(3)], undefined],
  ['none to a router of another group', [router(1), router(2, { group: 'other' })], undefined],
])('interfaces between the two routers: %s', (_what, resources, interfaces) => {
  const intent = resolveIntent(makeSnapshot(resources), 'r1');
  expect(intent.ok && intent.value.policy.pairInterfaces).toEqual(interfaces);
});
