import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { StagedGlobalNetworkPolicySpec } from '../../resources/staged-network-policy.ts';
import { codes, eth0, node, policy, resolve, router } from './policy.fixture.ts';

const enforced = policy('web', { order: 10, ingress: [{ action: 'Allow', source: { selector: "app == 'web'" } }] });
const set = resource('GlobalNetworkSet', 'pods', { nets: ['10.1.0.1/32'] }, { app: 'web' });
const other = resource('GlobalNetworkSet', 'db', { nets: ['10.2.0.1/32'] }, { app: 'db' });

function staged(name: string, spec: StagedGlobalNetworkPolicySpec) {
  return resource('StagedGlobalNetworkPolicy', name, { selector: 'has(role)', ...spec });
}

function resolveWith(...policies: ReturnType<typeof staged>[]) {
  const base = [node, router, eth0, enforced, set, other];
  const without = resolve(base).policy;
  const withThem = resolve([...base, ...policies]);
  return { without, policy: withThem.policy, warnings: withThem.warnings };
}

function normalIngress({ policy: { staged: change } }: ReturnType<typeof resolveWith>) {
  return change?.policy.endpoints[0]?.tiers.normal.ingress.map(({ name, policies }) => [name, ...policies]);
}

describe('a staged policy', () => {
  it('leaves what is enforced as it is', () => {
    const deny = { action: 'Deny', source: { selector: "app == 'db'" } } as const;
    const { without, policy: after } = resolveWith(staged('db', { order: 1, ingress: [deny] }));
    const { staged: change, ...rest } = after;
    expect(change?.changes).toEqual([{ id: 'StagedGlobalNetworkPolicy/db', action: 'Set' }]);
    expect({ ...rest, endpoints: rest.endpoints.map(({ stagedIn: _, ...endpoint }) => endpoint) }).toEqual(without);
    expect(rest.addressSets.size).toBe(1);
    expect(change?.policy.addressSets.size).toBe(2);
  });

  it.each([
    [
      'adds itself in its order',
      staged('first', { order: 1, ingress: [] }),
      ['StagedGlobalNetworkPolicy/first', 'GlobalNetworkPolicy/web'],
    ],
    [
      'comes last without one',
      staged('last', { ingress: [] }),
      ['GlobalNetworkPolicy/web', 'StagedGlobalNetworkPolicy/last'],
    ],
    ['takes the place of its namesake', staged('web', { order: 10, ingress: [] }), ['StagedGlobalNetworkPolicy/web']],
  ] as const)('%s', (_, change, order) => {
    expect(normalIngress(resolveWith(change))).toEqual([['default', ...order]]);
  });

  it('takes no namesake of another tier away', () => {
    const resolved = resolveWith(staged('web', { tier: 'security', ingress: [] }));
    expect(normalIngress(resolved)).toEqual([
      ['default', 'GlobalNetworkPolicy/web'],
      ['security', 'StagedGlobalNetworkPolicy/web'],
    ]);
    expect(codes(resolved.warnings)).toEqual(expect.arrayContaining(['missing-tier', 'staged-other-tier']));
  });

  it('of action Delete takes its namesake away', () => {
    const resolved = resolveWith(staged('web', { stagedAction: 'Delete' }));
    expect(normalIngress(resolved)).toEqual([]);
    expect(resolved.policy.staged?.changes).toEqual([
      { id: 'StagedGlobalNetworkPolicy/web', action: 'Delete', target: 'GlobalNetworkPolicy/web' },
    ]);
    expect(resolved.policy.endpoints[0]?.stagedIn).toEqual([{ stage: 'normal', direction: 'ingress' }]);
  });

  it.each([
    ['of action Learn', staged('web', { stagedAction: 'Learn', ingress: [] })],
    ['of action Ignore', staged('web', { stagedAction: 'Ignore', ingress: [] })],
    ['that deletes what is not there', staged('gone', { stagedAction: 'Delete' })],
    ['that selects no endpoint', staged('web2', { selector: "role == 'none'", ingress: [] })],
  ])('%s changes nothing', (_, change) => {
    const { without, policy: after } = resolveWith(change);
    expect(after).toEqual(without);
  });

  it('that deletes what is not there is warned of', () => {
    const { warnings } = resolveWith(staged('web', { tier: 'other', stagedAction: 'Delete' }));
    expect(warnings.find(({ code }) => code === 'staged-without-target')?.message).toBe(
      'there is no GlobalNetworkPolicy web in tier other: nothing is tried',
    );
  });

  it('for forwarded packets and after NAT says where it would be asked', () => {
    const { policy: after } = resolveWith(
      staged('forward', { applyOnForward: true, types: ['Ingress', 'Egress'] }),
      staged('early', { preDNAT: true, applyOnForward: true, ingress: [{ action: 'Deny' }] }),
    );
    expect(after.endpoints[0]?.stagedIn).toEqual([
      { stage: 'preDNAT', direction: 'ingress' },
      { stage: 'normal', direction: 'ingress' },
      { stage: 'normal', direction: 'egress' },
      { stage: 'forward', direction: 'ingress' },
      { stage: 'forward', direction: 'egress' },
    ]);
  });
});
