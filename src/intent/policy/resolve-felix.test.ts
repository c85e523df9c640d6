import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { AnyResource, SpecByKind } from '../../resources/resource.ts';
import { codes, node, resolve, router } from './policy.fixture.ts';

type Spec = SpecByKind['FelixConfiguration'];
const felix = (name: string, spec: Spec, created?: string): AnyResource => {
  const made = resource('FelixConfiguration', name, spec);
  return created === undefined
    ? made
    : ({ ...made, metadata: { ...made.metadata, creationTimestamp: created } } as AnyResource);
};

describe('which FelixConfiguration holds', () => {
  const labelled = resource('Node', 'r1', {}, { rack: '1' });
  const scoped = { nodeSelector: 'rack == "1"' };
  const old = '2026-01-01T00:00:00Z';
  const young = '2026-02-01T00:00:00Z';
  it.each<[string, AnyResource[], string]>([
    ['Calico’s own without any', [], 'calico-packet'],
    ['default', [felix('default', { logPrefix: 'd' })], 'd'],
    [
      'a selecting one over default',
      [felix('default', { logPrefix: 'd' }), felix('s', { ...scoped, logPrefix: 's' })],
      's',
    ],
    ['the node’s own over all', [felix('s', { ...scoped, logPrefix: 's' }), felix('node.r1', { logPrefix: 'n' })], 'n'],
    [
      'the oldest of several that select',
      [felix('a', { ...scoped, logPrefix: 'a' }, young), felix('b', { ...scoped, logPrefix: 'b' }, old)],
      'b',
    ],
    [
      'one of known age over one without',
      [felix('a', { ...scoped, logPrefix: 'a' }), felix('b', { ...scoped, logPrefix: 'b' }, young)],
      'b',
    ],
    [
      'by name where ages are equal',
      [felix('b', { ...scoped, logPrefix: 'b' }, old), felix('a', { ...scoped, logPrefix: 'a' }, old)],
      'a',
    ],
    [
      'default for a field that the stronger one leaves out',
      [felix('default', { logPrefix: 'd' }), felix('node.r1', { logActionRateLimit: '1/day' })],
      'd',
    ],
    [
      'no other node’s and no unselecting one',
      [felix('node.r2', { logPrefix: 'n' }), felix('s', { nodeSelector: 'rack == "2"', logPrefix: 's' })],
      'calico-packet',
    ],
    ['none that has neither a known name nor a selector', [felix('mine', { logPrefix: 'm' })], 'calico-packet'],
  ])('%s', (_title, configurations, logPrefix) => {
    expect(resolve([labelled, ...configurations]).policy.logPrefix).toBe(logPrefix);
  });
});

describe('a setting', () => {
  it.each<[Spec, object]>([
    [{}, { denyVerdict: 'drop', dropsInvalid: true }],
    [{ nftablesFilterDenyAction: 'Reject' }, { denyVerdict: 'reject' }],
    [{ iptablesFilterDenyAction: 'Reject' }, { denyVerdict: 'reject' }],
    [{ iptablesFilterDenyAction: 'Reject', nftablesFilterDenyAction: 'Drop' }, { denyVerdict: 'drop' }],
    [{ disableConntrackInvalidCheck: true }, { dropsInvalid: false }],
    [{ logActionRateLimit: '10/minute' }, { logRate: { count: 10, per: 'minute', burst: 5 } }],
    [
      { logActionRateLimit: '9999/second', logActionRateLimitBurst: 0 },
      { logRate: { count: 9999, per: 'second', burst: 0 } },
    ],
  ])('%j holds as it says', (spec, expected) => {
    const { policy, warnings } = resolve([router, felix('default', spec)]);
    expect(policy).toMatchObject(expected);
    expect(codes(warnings)).toEqual([]);
  });

  it('of a burst alone limits nothing', () => {
    expect(resolve([router, felix('default', { logActionRateLimitBurst: 3 })]).policy.logRate).toBeUndefined();
  });

  it.each<[Spec]>([
    [{ ipForwarding: 'Disabled' }],
    [{ ipv6Support: false }],
    [{ nftablesFlowTableOffload: 'All' }],
    [{ nftablesMode: 'Disabled' }],
    [{ bpfEnabled: true }],
    [{ chainInsertMode: 'Append' }],
    [{ nftablesFilterAllowAction: 'Return' }],
    [{ iptablesMangleAllowAction: 'Return' }],
    [{ nftablesMarkMask: 0xff }],
  ])('%j has no effect, and is warned of', (spec) => {
    const { warnings } = resolve([node, felix('default', spec)]);
    expect(warnings.map(({ code, path }) => [code, path[1]])).toEqual([['idle-setting', Object.keys(spec)[0]]]);
  });

  it.each<[Spec]>([
    [{ ipForwarding: 'Enabled', ipv6Support: true, nftablesMode: 'Auto', nftablesMarkMask: 0xffff0000 }],
    [{ nftablesFlowTableOffload: 'disabled', chainInsertMode: 'insert', nftablesFilterAllowAction: 'accept' }],
    [{ bpfLogLevel: 'Info', wireguardEnabled: true, reportingInterval: '0s', vxlanPort: 4789 }],
  ])('%j is as it would be, or concerns no host endpoint: no warning', (spec) => {
    expect(codes(resolve([node, felix('default', spec)]).warnings)).toEqual([]);
  });

  it('is warned of once, where the strongest says it', () => {
    const { warnings } = resolve([
      node,
      felix('default', { ipv6Support: false }),
      felix('node.r1', { ipv6Support: false }),
    ]);
    expect(warnings.map(({ subject }) => subject?.metadata.name)).toEqual(['node.r1']);
  });

  it('that an annotation would override stays as it is, with a warning', () => {
    const made = felix('default', { logPrefix: 'd' });
    const annotations = { 'config.projectcalico.org/LogPrefix': 'x', 'example.com/LogPrefix': 'y' };
    const { policy, warnings } = resolve([
      node,
      { ...made, metadata: { ...made.metadata, annotations } } as AnyResource,
    ]);
    expect(policy.logPrefix).toBe('d');
    expect(codes(warnings)).toEqual(['ignored-override']);
  });
});
