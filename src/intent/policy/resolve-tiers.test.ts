import { describe, expect, it } from 'vitest';
import type { GlobalNetworkPolicySpec } from '../../resources/global-network-policy.ts';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource, SpecByKind } from '../../resources/resource.ts';
import type { Rule } from '../../resources/rule.ts';
import { codes, eth0, policy, resolve, router } from './policy.fixture.ts';

describe('the order of evaluation', () => {
  const order = (...resources: AnyResource[]) =>
    resolve([router, eth0, ...resources]).policy.endpoints[0]?.tiers.normal.ingress.map(
      ({ name, defaultAction, policies }) =>
        `${name} ${defaultAction}: ${policies.map((id) => id.split('/')[1]).join(' ')}`,
    );
  const tier = (name: string, spec: SpecByKind['Tier']) => resource('Tier', name, spec);

  it('of tiers: by order, ties by name, no order last, missing ones after all under Deny', () => {
    expect(
      order(
        tier('zero', { order: 0, defaultAction: 'Pass' }),
        tier('b', { order: 5 }),
        tier('a', { order: 5 }),
        tier('nil', { defaultAction: 'Pass' }),
        tier('late', { order: 2_000_000 }),
        ...['zero', 'b', 'a', 'nil', 'late', 'gone', 'kube-admin', 'kube-baseline'].map((t) =>
          policy(`in-${t}`, { tier: t }),
        ),
        policy('plain', {}),
      ),
    ).toEqual([
      'zero Pass: in-zero',
      'a Deny: in-a',
      'b Deny: in-b',
      'kube-admin Pass: in-kube-admin',
      'default Deny: plain',
      'late Deny: in-late',
      'kube-baseline Pass: in-kube-baseline',
      'nil Pass: in-nil',
      'gone Deny: in-gone',
    ]);
  });

  it('of policies: by order, ties by name with the separator, so that a-b and a.b come before a', () => {
    const names = ['a', 'a-b', 'a.b', 'ab'].map((name) => policy(name, {}));
    const ordered = [
      policy('late', { order: 2 }),
      policy('half', { order: 0.5 }),
      policy('minus', { order: -1 }),
      policy('zero', { order: 0 }),
    ];
    expect(order(...names, ...ordered)).toEqual(['default Deny: minus zero half late a-b a.b a ab']);
  });

  it('skips tiers of staged policies only, NetworkPolicies and policies that select something else', () => {
    expect(
      order(
        resource('StagedGlobalNetworkPolicy', 's', { tier: 'default', selector: 'all()' }),
        resource('NetworkPolicy', 'n', { selector: 'all()' }, {}, 'default'),
        policy('other', { selector: 'role == "lan"' }),
        policy('workloads', { selector: '', namespaceSelector: 'all()' }),
      ),
    ).toEqual([]);
  });
});

describe('which endpoints a policy selects', () => {
  it.each<[GlobalNetworkPolicySpec, boolean]>([
    [{ selector: '' }, true],
    [{ selector: 'all()' }, true],
    [{ selector: 'role == "wan"' }, true],
    [{ selector: 'role == "lan"' }, false],
    [{ selector: '', namespaceSelector: 'env == "prod"' }, false],
    [{ selector: '', namespaceSelector: 'env != "prod"' }, true],
    [{ selector: 'all()', namespaceSelector: 'env != "prod"' }, false], // all() of the main selector needs a namespace too
    [{ selector: '', serviceAccountSelector: 'all()' }, false],
    [{ selector: 'role == "wan"', serviceAccountSelector: '!has(x)' }, true],
    [{ selector: 'all()', serviceAccountSelector: '!has(x)' }, false],
  ])('%j: %s', (spec, selects) => {
    const { policy: intent } = resolve([router, eth0, policy('p', spec)]);
    expect(intent.policies.has('GlobalNetworkPolicy/p')).toBe(selects);
  });
});

describe('stages and directions', () => {
  const stages = (spec: GlobalNetworkPolicySpec, interfaceName = 'eth0') => {
    const endpoint = resource('HostEndpoint', 'h', { node: 'r1', interfaceName }, { role: 'x' });
    const { policy: intent, warnings } = resolve([router, endpoint, policy('p', spec)]);
    const tiers = intent.endpoints[0]?.tiers;
    const found = Object.entries(tiers ?? {}).flatMap(([stage, { ingress, egress }]) => [
      ...(ingress.length > 0 ? [`${stage} in`] : []),
      ...(egress.length > 0 ? [`${stage} out`] : []),
    ]);
    return { found: found.sort(), warned: codes(warnings) };
  };
  const allow: Rule[] = [{ action: 'Allow' }];
  it.each<[string, GlobalNetworkPolicySpec, string[]]>([
    ['normal only', { ingress: allow }, ['normal in']],
    ['no rules at all means Ingress', {}, ['normal in']],
    ['egress rules alone mean Egress', { egress: allow }, ['normal out']],
    ['both', { ingress: allow, egress: allow }, ['normal in', 'normal out']],
    ['types win over rules', { types: ['Egress'], ingress: allow }, ['normal out']],
    [
      'applyOnForward joins normal and forward',
      { applyOnForward: true, types: ['Ingress', 'Egress'] },
      ['forward in', 'forward out', 'normal in', 'normal out'],
    ],
    ['preDNAT is ingress only', { applyOnForward: true, preDNAT: true, types: ['Ingress'] }, ['preDNAT in']],
    [
      'doNotTrack',
      { applyOnForward: true, doNotTrack: true, types: ['Ingress', 'Egress'] },
      ['untracked in', 'untracked out'],
    ],
  ])('%s', (_title, spec, expected) => {
    expect(stages(spec).found).toEqual(expected);
  });

  it('gives a wildcard endpoint no untracked policy, and says what that leaves open', () => {
    const { found, warned } = stages({ applyOnForward: true, doNotTrack: true }, '*');
    expect(found).toEqual([]);
    expect(warned).toContain('untracked-on-wildcard');
  });

  it('keeps no rules of a direction that is never evaluated', () => {
    const { policy: intent } = resolve([
      router,
      eth0,
      policy('p', { types: ['Egress'], ingress: [{ action: 'Allow', source: { selector: 'has(x)' } }] }),
    ]);
    expect(intent.policies.get('GlobalNetworkPolicy/p')?.ingress).toEqual([]);
    expect([...intent.addressSets]).toEqual([]);
  });
});
