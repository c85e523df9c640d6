import { describe, expect, it } from 'vitest';
import { resource } from '../../resources/resource.fixture.ts';
import type { SpecByKind } from '../../resources/resource.ts';
import { codes, facts, node, resolve, router } from './policy.fixture.ts';

describe('which HostEndpoint guards which interface', () => {
  const interfaces = [
    facts('eth0', '10.0.0.1/24'),
    facts('eth1', '10.0.1.1/24', 'fd00:1::1/64'),
    facts('cali9', '10.9.0.1/32'),
    facts('kube-ipvs0', '10.8.0.1/32'),
  ];
  const hep = (name: string, interfaceName?: string, ...expectedIPs: string[]) =>
    resource('HostEndpoint', name, {
      node: 'r1',
      ...(interfaceName ? { interfaceName } : {}),
      expectedIPs,
      profiles: ['projectcalico-default-allow'],
    });
  it.each([
    ['by name', [hep('a', 'eth0')], { a: ['eth0'] }, []],
    ['by address, both families', [hep('a', undefined, 'fd00:1::1')], { a: ['eth1'] }, []],
    [
      'one address-based endpoint may win several',
      [hep('a', undefined, '10.0.0.1', '10.0.1.1')],
      { a: ['eth0', 'eth1'] },
      [],
    ],
    ['the smallest name wins', [hep('b', 'eth0'), hep('a', 'eth0')], { a: ['eth0'] }, ['shadowed-endpoint']],
    [
      'a name match has no priority',
      [hep('b', 'eth0'), hep('a', undefined, '10.0.0.1')],
      { a: ['eth0'] },
      ['shadowed-endpoint'],
    ],
    [
      'an endpoint that names an interface never matches by address',
      [hep('a', 'eth1', '10.0.0.1')],
      { a: ['eth1'] },
      [],
    ],
    ['the wildcard takes the rest', [hep('w', '*'), hep('x', 'eth0')], { w: '*', x: ['eth0'] }, []],
    ['of wildcards the smallest name', [hep('w2', '*'), hep('w1', '*')], { w1: '*' }, ['shadowed-endpoint']],
    ['an absent interface is guarded before it comes', [hep('a', 'eth7')], { a: ['eth7'] }, []],
    ['never a workload interface', [hep('a', 'cali9')], {}, ['idle-endpoint']],
    ['never an excluded one, by address either', [hep('a', undefined, '10.8.0.1')], {}, ['idle-endpoint']],
    ['no interface with the address', [hep('a', undefined, '10.7.0.1')], {}, ['idle-endpoint']],
  ])('%s', (_title, endpoints, expected, warned) => {
    const { policy: intent, warnings } = resolve([router, ...endpoints], interfaces);
    expect(Object.fromEntries(intent.endpoints.map(({ name, interfaces: won }) => [name, won]))).toEqual(expected);
    expect(codes(warnings)).toEqual(warned);
  });

  it('takes other nodes’ endpoints for theirs', () => {
    const other = resource('HostEndpoint', 'o', { node: 'R1', interfaceName: 'eth0' });
    expect(resolve([router, other], interfaces).policy.endpoints).toEqual([]);
  });

  it('lets a written endpoint win over the one an Attachment stands for, silently', () => {
    const site = resource('Site', 's', { type: 'vpc' });
    const attachment = resource('Attachment', 'a', { router: 'r1', site: 's', link: { interface: { name: 'eth0' } } });
    const generated = resolve([router, site, attachment]);
    expect(generated.policy.endpoints.map(({ name }) => name)).toEqual(['~a']);
    const written = resolve([router, site, attachment, hep('z', 'eth0')]);
    expect(written.policy.endpoints.map(({ name }) => name)).toEqual(['z']);
    expect(codes([...generated.warnings, ...written.warnings])).toEqual([]);
  });
});

it('warns when two Attachments share an interface: the labels of one are lost', () => {
  const sites = ['s1', 's2'].map((name) => resource('Site', name, { type: 'vpc' }));
  const attachments = ['a1', 'a2'].map((name, i) =>
    resource('Attachment', name, { router: 'r1', site: `s${i + 1}`, link: { interface: { name: 'eth0' } } }),
  );
  const { policy: intent, warnings } = resolve([router, ...sites, ...attachments]);
  expect(intent.endpoints.map(({ name }) => name)).toEqual(['~a1']);
  expect(codes(warnings)).toEqual(['shared-interface']);
});

describe('the workloads of a Calico Node under a wildcard endpoint', () => {
  const wild = resource('HostEndpoint', 'w', { node: 'r1', interfaceName: '*' });
  const felix = (spec: SpecByKind['FelixConfiguration']) => resource('FelixConfiguration', 'default', spec);
  it.each([
    ['drop by default what they send to the host', [node, wild], { prefixes: ['cali'], toHost: 'drop' }],
    [
      'leave it to others where Calico returns or accepts',
      [node, wild, felix({ defaultEndpointToHostAction: 'Return' })],
      { prefixes: ['cali'], toHost: 'leave' },
    ],
    [
      'are known by the prefixes that are configured',
      [node, wild, felix({ interfacePrefix: 'tap,cali,tap' })],
      { prefixes: ['cali', 'tap'], toHost: 'drop' },
    ],
    [
      'are nobody’s business without a wildcard endpoint',
      [node, resource('HostEndpoint', 'a', { node: 'r1', interfaceName: 'eth0' })],
      undefined,
    ],
    ['are none on a Router', [router, wild], undefined],
  ])('%s', (_title, resources, expected) => {
    expect(resolve(resources).policy.workloads).toEqual(expected);
  });
});

it('an excluded interface takes no endpoint of its own and still comes under the wildcard, patterns included', () => {
  const felix = resource('FelixConfiguration', 'default', { interfaceExclude: 'kube-ipvs0,/^eth[12]$/' });
  const named = resource('HostEndpoint', 'a', { node: 'r1', interfaceName: 'eth1' });
  const wild = resource('HostEndpoint', 'w', { node: 'r1', interfaceName: '*' });
  const { policy: intent, warnings } = resolve([node, felix, named, wild], [facts('eth1', '10.0.1.1/24')]);
  expect(intent.endpoints.map(({ name, interfaces }) => [name, interfaces])).toEqual([['w', '*']]);
  expect(codes(warnings)).toContain('idle-endpoint');
});
