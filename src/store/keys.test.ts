import { describe, expect, it } from 'vitest';
import { kinds } from '../resources/kinds.ts';
import { kindPrefix, parseResourceKey, printResourceName, resourceKey, resourcesPrefix } from './keys.ts';

describe('resourceKey', () => {
  it.each([
    ['/calico/resources/v3/projectcalico.org/tiers/hub', 'Tier', 'hub', undefined],
    ['/calico/resources/v3/projectcalico.org/networkpolicies/shop/web', 'NetworkPolicy', 'web', 'shop'],
    ['/calico/resources/v3/projectcalico.org/bgppeers/dc.1', 'BGPPeer', 'dc.1', undefined],
    ['/causeway/resources/v1/causeway.dev/routers/tr1', 'Router', 'tr1', undefined],
  ] as const)('is %s', (key, kind, name, namespace) => {
    expect(resourceKey(kind, name, namespace)).toBe(key);
    expect(parseResourceKey(key)).toEqual({ kind, name, ...(namespace && { namespace }) });
  });

  it('is read back for every kind, below the prefix that is watched', () => {
    for (const { kind, namespaced } of kinds) {
      const name = { kind, name: 'x', ...(namespaced && { namespace: 'default' }) };
      const key = resourceKey(kind, 'x');
      expect(parseResourceKey(key)).toEqual(name);
      expect(key.startsWith(kindPrefix(kind))).toBe(true);
      expect(key.startsWith(resourcesPrefix)).toBe(true);
    }
  });
});

describe('parseResourceKey', () => {
  it.each([
    '',
    '/',
    '/calico/resources/v3/projectcalico.org/tiers/',
    '/calico/resources/v3/projectcalico.org/tiers/a/b',
    '/calico/resources/v3/projectcalico.org/networkpolicies/web',
    '/calico/resources/v3/projectcalico.org/networkpolicies/shop/',
    '/calico/resources/v3/projectcalico.org/clusterinformations/default',
    '/calico/resources/v3/projectcalico.org/routers/tr1',
    '/calico/ipam/v2/config/',
    '/causeway/guards/v1/tiers/hub',
  ])('knows nothing of %j', (key) => {
    expect(parseResourceKey(key)).toBeUndefined();
  });
});

describe('printResourceName', () => {
  it('names kind, namespace and name as Calico does', () => {
    expect(printResourceName({ kind: 'Tier', name: 'hub' })).toBe('Tier(hub)');
    expect(printResourceName({ kind: 'NetworkPolicy', name: 'web', namespace: 'shop' })).toBe(
      'NetworkPolicy(shop/web)',
    );
  });
});
