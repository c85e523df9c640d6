import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { Rule } from '../../resources/rule.ts';
import { makeSnapshot } from '../../resources/snapshot.ts';
import { LabelIndex } from '../labels/label-index.ts';
import { resolveTopology } from '../topology/resolve-topology.ts';
import { codes, eth0, policy, resolve, router } from './policy.fixture.ts';
import { resolvePolicy } from './resolve-policy.ts';

describe('profiles', () => {
  it('are inherited from for selection, built in, missing, or resolved as a policy is', () => {
    const endpoint = resource('HostEndpoint', 'h', {
      node: 'r1',
      interfaceName: 'eth0',
      profiles: ['mine', 'projectcalico-default-allow', 'gone'],
    });
    const mine = resource('Profile', 'mine', {
      labelsToApply: { role: 'inherited' },
      ingress: [{ action: 'Allow', source: { selector: 'has(x)' } }],
    });
    const { policy: intent, warnings } = resolve([router, endpoint, mine, policy('p', { applyOnForward: true })]);
    expect(intent.endpoints[0]?.tiers.normal.ingress[0]?.policies).toEqual(['GlobalNetworkPolicy/p']);
    expect([...intent.profiles.keys()]).toEqual(['mine', 'projectcalico-default-allow']);
    expect(intent.profiles.get('projectcalico-default-allow')).toMatchObject({
      tier: null,
      resource: undefined,
      egress: [{ action: 'Allow' }],
    });
    expect(intent.profiles.get('mine')?.ingress[0]?.source.addressSet).toMatch(/^s:/);
    expect(codes(warnings)).toEqual(['missing-profile']);
  });
});

it('forgets selectors that are no longer used and keeps the others as they are', () => {
  const rule = (selector: string): Rule => ({ action: 'Allow', source: { selector } });
  const before = makeSnapshot([router, eth0, policy('p', { ingress: [rule('has(a)'), rule('has(b)')] })]);
  const after = makeSnapshot([router, eth0, policy('p', { ingress: [rule('has(b)')] })]);
  const index = new LabelIndex();
  const first = resolvePolicy(before, resolveTopology(before, 'r1'), index, []).policy;
  const second = resolvePolicy(after, resolveTopology(after, 'r1'), index, []).policy;
  expect([...first.addressSets.keys()]).toEqual([...first.addressSets.keys()].sort());
  expect(index.setIds()).toEqual([...second.addressSets.keys()]);
  const [id = ''] = index.setIds();
  expect(second.addressSets.get(id)?.members).toBe(first.addressSets.get(id)?.members);
});

it('resolves a thousand policies of ten rules', () => {
  const many = Array.from({ length: 1000 }, (_, i) =>
    policy(`p${i}`, {
      order: i % 7,
      selector: i % 3 === 0 ? 'has(role)' : `role == "r${i}"`,
      ingress: Array.from(
        { length: 10 },
        (_unused, j) =>
          ({
            action: 'Allow',
            protocol: 'TCP',
            source: { selector: `app == "a${(i * 10 + j) % 500}"` },
            destination: { ports: [j + 1] },
          }) as const,
      ),
    }),
  );
  const { policy: intent } = resolve([router, eth0, ...many]);
  expect(intent.policies.size).toBe(334);
  expect(intent.addressSets.size).toBeLessThanOrEqual(500);
});
