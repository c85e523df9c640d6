/** Files of every shape, good and bad: what is read, and what is said where. */
import { describe, expect, it } from 'vitest';
import { parseFile, parseFiles } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { resourceId } from './resource.ts';

const tier = (name: string): string => manifest('Tier', 'order: 10', name);
const parse = (text: string): ReturnType<typeof parseFile> => parseFile({ path: 'f.yaml', text });
const ids = (text: string): string[] => {
  const { resources, errors } = parse(text);
  expect(errors).toEqual([]);
  return resources.map(({ resource }) => resourceId(resource));
};

describe('forms of input', () => {
  const json = (name: string): object => ({ apiVersion: 'projectcalico.org/v3', kind: 'Tier', metadata: { name } });

  it.each<[string, string, string[]]>([
    ['several documents', `${tier('a')}---\n${tier('b')}`, ['Tier/a', 'Tier/b']],
    ['documents of comments only among them', `# first\n---\n${tier('a')}---\n# last\n---\n`, ['Tier/a']],
    ['JSON', JSON.stringify(json('a')), ['Tier/a']],
    ['an array of objects', JSON.stringify([json('a'), json('b')]), ['Tier/a', 'Tier/b']],
    ['a List', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [json('a'), json('b')] }), ['Tier/a', 'Tier/b']],
    [
      'a typed list whose items name no kind',
      'apiVersion: projectcalico.org/v3\nkind: TierList\nmetadata: {resourceVersion: "5"}\nitems:\n- metadata: {name: a}\n',
      ['Tier/a'],
    ],
    ['a byte order mark and Windows line ends', `\uFEFF${tier('a').replaceAll('\n', '\r\n')}`, ['Tier/a']],
    [
      'anchors, aliases and merge keys',
      'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\nspec:\n  ingress:\n  - &r {action: Allow, protocol: TCP}\n  - <<: *r\n    action: Deny\n  egress: [*r]\n',
      ['GlobalNetworkPolicy/a'],
    ],
    [
      'an exported object',
      'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a, uid: x, creationTimestamp: "2026-01-01T00:00:00.5Z", resourceVersion: "7", generation: 2, managedFields: []}\nspec: {}\nstatus: {conditions: []}\n',
      ['Tier/a'],
    ],
    [
      'a namespaced kind without namespace',
      manifest('NetworkSet', 'nets: [10.0.0.0/8]', 'a'),
      ['NetworkSet/default/a'],
    ],
  ])('%s', (_title, text, expected) => {
    expect(ids(text)).toEqual(expected);
  });

  it('keeps the types of YAML 1.2: quoted text is text, words like yes are text, 0o17 is a number', () => {
    const text = manifest('HostEndpoint', 'node: yes\ninterfaceName: e').replace(
      'name: thing',
      'name: on\n  labels: {a: "80", b: yes, c: "0o17"}',
    );
    const { resources } = parse(text);
    expect(resources[0]?.resource).toMatchObject({
      metadata: { name: 'on', labels: { a: '80', b: 'yes', c: '0o17' } },
      spec: { node: 'yes' },
    });
    expect(parse(manifest('Tier', 'order: 0o17')).resources[0]?.resource.spec).toMatchObject({ order: 15 });
  });

  it('knows where every field of a resource stands', () => {
    const text = `${tier('a')}---\n${manifest('GlobalNetworkPolicy', 'ingress:\n- action: Log\n- action: Allow\n  protocol: TCP', 'p')}`;
    const located = parse(text).resources[1];
    expect(located?.locate(['spec', 'ingress', 1])).toEqual({ file: 'f.yaml', line: 15, column: 5 });
    expect(located?.locate(['spec', 'ingress', 1, 'protocol'])).toEqual({ file: 'f.yaml', line: 16, column: 15 });
    expect(located?.locate(['spec', 'egress', 4])).toEqual({ file: 'f.yaml', line: 13, column: 3 });
  });
});

describe('input that is refused', () => {
  it.each<[string, string, number, number, RegExp]>([
    ['an empty file', '', 0, 0, /no resources specified in file f\.yaml/],
    ['comments only', '# a\n---\n# b\n', 0, 0, /no resources specified/],
    ['an empty list', '[]', 0, 0, /no resources specified/],
    ['a scalar', 'hello', 1, 1, /must be an object with apiVersion/],
    ['a list of scalars', '- hello', 1, 3, /must be an object with apiVersion/],
    ['a tab as indentation', 'kind: Tier\nmetadata:\n\tname: a\n', 3, 1, /Tabs are not allowed.*indent with spaces/],
    ['an unclosed bracket', 'kind: [Tier', 1, 12, /not valid YAML/],
    ['a NUL byte', 'kind: T\u0000', 1, 8, /control character 0x00/],
    ['bytes that are no UTF-8', 'a: b\nc: \ufffd', 2, 4, /not valid UTF-8/],
    ['an alias to nothing', 'a: *b', 1, 4, /refers to no anchor/],
    ['an alias that contains itself', 'a: &a [*a]', 1, 8, /contains itself/],
    ['a tag of a foreign type', 'a: !!python/object x', 1, 4, /not valid YAML/],
    ['a list as a field name', '? [a]\n: b', 1, 3, /field name must be plain text/],
    ['10,000 brackets', '['.repeat(10_000), 1, 101, /deeper than 100 levels/],
    ['100,000 closed brackets', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 1, 101, /deeper than 100 levels/],
    ['10,000 dashes', '- '.repeat(10_000), 1, 201, /deeper than 100 levels/],
    ['10,000 question marks', '? '.repeat(10_000), 1, 201, /deeper than 100 levels/],
  ])('%s', (_title, text, line, column, reason) => {
    const { resources, errors } = parse(text);
    expect(resources).toEqual([]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ file: 'f.yaml', line, column, reason: expect.stringMatching(reason) });
  });

  it('gives up early on a document that is no YAML at all', () => {
    const { errors } = parse(`${'[]'.repeat(2_000_000)}\n---\n${tier('a')}---\n${manifest('Tier', 'order: x', 'b')}`);
    expect(errors.length).toBeLessThan(30);
    expect(errors.map((error) => error.reason)).toContainEqual(expect.stringMatching(/too many errors/));
    expect(errors.at(-1)).toMatchObject({ name: 'b' });
  });

  it('a billion laughs', () => {
    const level = (name: string, inner: string): string => `${name}: &${name} [${Array(9).fill(inner).join(',')}]`;
    const text = [level('a', 'x'), ...'bcdefghij'.split('').map((name, i) => level(name, `*${'abcdefghi'[i]}`))].join(
      '\n',
    );
    expect(parse(text).errors).toMatchObject([{ reason: expect.stringMatching(/aliases expand to more than/) }]);
  });

  it.each<[string, string, string, RegExp]>([
    ['an unknown kind', 'GlobalNetworkPolicies', 'kind', /did you mean GlobalNetworkPolicy\?/],
    ['a kind in lower case', 'hostendpoint', 'kind', /did you mean HostEndpoint\?/],
    ['a kind that means nothing here', 'IPReservation', 'kind', /no meaning on a router/],
    ['nonsense', 'Banana', 'kind', /write one of Tier, /],
  ])('%s', (_title, kind, field, reason) => {
    const { errors } = parse(manifest(kind, ''));
    expect(errors).toMatchObject([
      { kind, name: 'thing', field, line: 2, column: 7, reason: expect.stringMatching(reason) },
    ]);
  });

  it.each<[string, string, string, RegExp]>([
    [
      'our kind in Calico’s group',
      manifest('Router', 'asNumber: 1').replace('causeway.dev/v1', 'projectcalico.org/v3'),
      'apiVersion',
      /write causeway\.dev\/v1/,
    ],
    [
      'Calico’s storage form',
      tier('a').replace('projectcalico.org/v3', 'crd.projectcalico.org/v1'),
      'apiVersion',
      /storage form/,
    ],
    [
      'a Kubernetes policy',
      manifest('NetworkPolicy', '').replace('projectcalico.org/v3', 'networking.k8s.io/v1'),
      'apiVersion',
      /Kubernetes object/,
    ],
    ['no apiVersion', tier('a').replace(/^.*\n/, ''), 'apiVersion', /write apiVersion: projectcalico\.org\/v3/],
    ['no metadata', 'apiVersion: projectcalico.org/v3\nkind: Tier\n', 'metadata.name', /required/],
    [
      'a namespace on a cluster-wide kind',
      tier('a').replace('name: a', 'name: a\n  namespace: b'),
      'metadata.namespace',
      /has no namespace/,
    ],
    [
      'a label value with a blank',
      tier('a').replace('name: a', 'name: a\n  labels: {x: "a b"}'),
      'metadata.labels.x',
      /no valid label value/,
    ],
    [
      'a label that is a number',
      tier('a').replace('name: a', 'name: a\n  labels: {x: 1}'),
      'metadata.labels.x',
      /must be text/,
    ],
    [
      'annotations of 300 KiB',
      tier('a').replace('name: a', `name: a\n  annotations: {x: ${'a'.repeat(300 * 1024)}}`),
      'metadata.annotations',
      /at most 262144/,
    ],
    [
      'a name with two dots on a policy',
      manifest('GlobalNetworkPolicy', '', 't.h.i'),
      'metadata.name',
      /more than one dot/,
    ],
    ['a field beside spec', `${tier('a')}order: 5\n`, 'order', /stand under spec/],
    ['a misspelt envelope field', tier('a').replace('spec:', 'specs:'), 'specs', /did you mean spec\?/],
    ['__proto__ as a field', manifest('Tier', '__proto__: {order: 5}'), 'spec.__proto__', /not recognized/],
    [
      '__proto__ as a label',
      tier('a').replace('name: a', 'name: a\n  labels: {__proto__: x}'),
      'metadata.labels.__proto__',
      /no valid key/,
    ],
    [
      'spec as a list',
      manifest('Tier', '').replace('spec:\n  {}', 'spec: []'),
      'spec',
      /must be an object, not a list/,
    ],
  ])('%s', (_title, text, field, reason) => {
    expect(parse(text).errors).toMatchObject([{ field, reason: expect.stringMatching(reason) }]);
  });

  it.each(['a: [', 'a: "', '- a\nb: c', 'a: b: c', '}', 'a:\n\tb'])(
    'reads on after the broken document %j',
    (broken) => {
      const { resources, errors } = parse(
        `${tier('a')}---\n${broken}\n---\n${manifest('Tier', 'order: x', 'b')}---\n${tier('c')}`,
      );
      expect(resources.map(({ resource }) => resource.metadata.name)).toEqual(['a', 'c']);
      expect(errors[0]?.reason).toMatch(/not valid YAML/);
      expect(errors.at(-1)).toMatchObject({ name: 'b', field: 'spec.order' });
    },
  );

  it('names a field given twice by its path, and still checks the rest', () => {
    const text = manifest('GlobalNetworkPolicy', 'ingress:\n- action: Allow\n  action: Deny\n- action: allow', 'p');
    expect(parse(`- a: 1\n---\n${text}`).errors.slice(-2)).toMatchObject([
      {
        line: 10,
        column: 5,
        kind: 'GlobalNetworkPolicy',
        name: 'p',
        field: 'spec.ingress[0].action',
        reason: expect.stringMatching(/duplicate field "action".*line 9/),
      },
      { line: 11, field: 'spec.ingress[1].action', value: '"allow"' },
    ]);
  });

  it('reports items of a list by their own path and place', () => {
    const text =
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: projectcalico.org/v3\n  kind: Tier\n  metadata: {name: a}\n  spec: {order: x}\n';
    expect(parse(text).errors).toMatchObject([{ kind: 'Tier', name: 'a', field: 'spec.order', line: 7, column: 17 }]);
  });

  it('says of one resource in two files where both are', () => {
    const { resources, errors } = parseFiles([
      { path: 'one.yaml', text: tier('a') },
      { path: 'two.yaml', text: tier('a') },
    ]);
    expect(resources).toHaveLength(1);
    expect(errors).toMatchObject([
      { file: 'two.yaml', line: 4, column: 9, reason: expect.stringMatching(/defined twice: first at one\.yaml:4:9/) },
    ]);
  });

  it('reports all documents of all files, in order', () => {
    const bad = (name: string): string => manifest('Tier', 'order: x\ndefaultAction: y', name);
    const { errors } = parseFiles([
      { path: 'b.yaml', text: `${bad('a')}---\n${bad('b')}` },
      { path: 'a.yaml', text: bad('c') },
    ]);
    expect(errors.map(({ file, line }) => `${file}:${line}`)).toEqual([
      'b.yaml:6',
      'b.yaml:7',
      'b.yaml:14',
      'b.yaml:15',
      'a.yaml:6',
      'a.yaml:7',
    ]);
  });

  it('shows at most 1000 problems of one resource, and 200 characters of a value', () => {
    const rules = Array.from({ length: 1000 }, () => '{action: x, protocol: y}').join(',');
    const { errors } = parse(manifest('GlobalNetworkPolicy', `ingress: [${rules}]\nselector: "${'x'.repeat(500)} ="`));
    expect(errors.length).toBeLessThanOrEqual(1001);
    expect(errors.every((error) => error.value.length <= 200)).toBe(true);
  });
});
