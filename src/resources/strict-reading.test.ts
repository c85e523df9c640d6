/** What other readers of YAML and of Calico's API take strictly is taken strictly here too, and hostile text is left early. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest, problemsOf } from './manifest.fixture.ts';
import { expectOneProblem, type Row, specOf } from './validation.fixture.ts';

const gnp = (spec: string): string => manifest('GlobalNetworkPolicy', spec);

describe('empty values', () => {
  it.each<Row>([
    ['an object for a list', gnp('ingress: {}'), 'spec.ingress', '{}', /must be a list, not an object/],
    ['text for a list', gnp('egress: ""'), 'spec.egress', '""', /must be a list, not the text ""/],
    ['a list for text', gnp('selector: []'), 'spec.selector', '[]', /must be text, not a list/],
    ['text for a boolean', gnp('preDNAT: ""'), 'spec.preDNAT', '""', /must be true or false/],
    ['zero for a boolean', gnp('doNotTrack: 0'), 'spec.doNotTrack', '0', /must be true or false/],
    ['a boolean for text', gnp('tier: false'), 'spec.tier', 'false', /must be text/],
    [
      'a list for labels',
      `${gnp('').replace('name: thing', 'name: a\n  labels: []')}`,
      'metadata.labels',
      '[]',
      /a map/,
    ],
  ])('of the wrong type are refused: %s', (_title, text, field, at, reason) => {
    expectOneProblem(text, field, at, reason);
  });

  it('of the right type are as good as none', () => {
    const zero = 'ingress: []\nselector: ""\npreDNAT: false\ntypes: []\nperformanceHints: []\ntier: ""\negress: null';
    expect(specOf(gnp(zero))).toEqual(specOf(gnp('')));
  });

  it('a label without a value has the empty one', () => {
    const text = manifest('HostEndpoint', 'node: a\ninterfaceName: e').replace(
      'name: thing',
      'name: a\n  labels:\n    edge:',
    );
    expect(parseFile({ path: 'f', text }).resources[0]?.resource.metadata.labels).toEqual({ edge: '' });
  });
});

describe('numbers with leading zeros', () => {
  it.each(['010', '-010', '08', '0777'])('%s, which YAML 1.1 reads as octal, is refused', (number) => {
    expectOneProblem(manifest('Tier', `order: ${number}`), 'spec.order', number, /octal to some readers/);
  });

  it.each(['0', '-0', '0.5', '0x10', '0o10', '1e03'])('%s is read', (number) => {
    expect(problemsOf(manifest('Tier', `order: ${number}`))).toEqual([]);
  });

  it('as text they are text', () => {
    const text = manifest('Tier', '').replace('name: thing', 'name: "010"\n  labels: {a: "007"}');
    expect(problemsOf(text)).toEqual([]);
  });
});

describe('lists of resources', () => {
  const list = (rest: string): string => `apiVersion: projectcalico.org/v3\nkind: TierList\n${rest}\n`;

  it.each<Row>([
    ['items are no list', list('items: {a: b}'), 'items', '{a: b}', /must be a list, not an object/],
    ['a misspelt field', list('itemz: []'), 'itemz', 'itemz', /apiVersion, kind, metadata and items only/],
    ['of another version', list('items: []').replace('v3', 'v1'), 'apiVersion', 'projectcalico.org/v1', /write .*v3/],
  ])('%s', (_title, text, field, at, reason) => {
    expectOneProblem(text, field, at, reason);
  });
});

describe('objects of others', () => {
  it.each<Row>([
    [
      'a kind nobody knows gives one error, not one for each field',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n',
      'kind',
      'ConfigMap',
      /unknown kind/,
    ],
    [
      'an object of another API gives one error, not one for each field',
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}, policyTypes: []}\n',
      'apiVersion',
      'networking.k8s.io/v1',
      /write projectcalico.org\/v3 .*Kubernetes object/,
    ],
  ])('%s', (_title, text, field, at, reason) => {
    expectOneProblem(text, field, at, reason);
  });

  it("Calico's storage form is still checked in full", () => {
    const text = gnp('order: x').replace('projectcalico.org/v3', 'crd.projectcalico.org/v1');
    expect(problemsOf(text).map(({ field }) => field)).toEqual(['apiVersion', 'spec.order']);
  });
});

it('what follows the end of a document is one mistake, with its remedy', () => {
  const tier = '{"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": "a"}}\n';
  const problems = problemsOf(tier + tier);
  expect(problems).toMatchObject([{ reason: expect.stringMatching(/divided by a line ---$/) }]);
  expect(problems[0]?.at).toBe(tier.trim());
});

describe('merge keys', () => {
  it.each(['5', 'text', '[1]', '~'])('cannot merge %s', (value) => {
    expect(problemsOf(manifest('Tier', `<<: ${value}`))).toMatchObject([
      { at: `<<: ${value}`, reason: expect.stringMatching(/must be an object/) },
    ]);
  });
});

it('a notSelector may hold global(), as in Calico, and is warned of', () => {
  const text = gnp('ingress: [{action: Deny, source: {notSelector: global()}}]');
  const { errors, warnings } = parseFile({ path: 'f', text });
  expect(errors).toEqual([]);
  expect(warnings).toMatchObject([{ field: 'spec.ingress[0].source.notSelector' }]);
});

describe('hostile text', () => {
  it.each(['[', '{', '- ', '? ', 'a: ', '[{a: '])(
    'nesting of %s without end is left where it is too deep',
    (opening) => {
      const problems = parseFile({ path: 'f', text: opening.repeat(1_000_000) }).errors;
      expect(problems[0]).toMatchObject({ line: 1, reason: expect.stringMatching(/deeper than 100/) });
      expect(problems[0]?.column).toBeLessThan(1000);
    },
  );

  it.each(['---\n', '---\n# nothing\n', '\n', ' \r\n'])('a million of %j are no resources', (nothing) => {
    const { errors } = parseFile({ path: 'f', text: nothing.repeat(1_000_000) });
    expect(errors).toMatchObject([{ reason: expect.stringMatching(/^no resources specified/) }]);
  });

  it('a field given nine thousand times is told a thousand times at most', () => {
    const { errors } = parseFile({ path: 'f', text: 'a: b\n'.repeat(9_000) });
    expect(errors.length).toBeGreaterThan(999);
    expect(errors.length).toBeLessThan(1010);
  });

  it.each([
    ['fields in one object', 'a: b\n'.repeat(2_000_000), 'an object of more than 10000 fields'],
    ['fields in one object, as JSON', `{${'"a": 1, '.repeat(20_000)}"a": 1}`, 'an object of more than 10000 fields'],
    ['entries of one list', '- a\n'.repeat(300_000), 'a list of more than 250000 entries'],
  ])('millions of %s are left early', (_, text, reason) => {
    const { errors, resources } = parseFile({ path: 'f', text });
    expect(resources).toEqual([]);
    expect(errors.map((error) => error.reason)).toEqual([expect.stringContaining(reason)]);
  });

  it('a place is told of any document, in any order', () => {
    const documents = Array.from({ length: 20 }, (_, i) => `apiVersion: v1\nkind: Tier\nmetadata: {name: t${i}}\n`);
    const text = documents.join('---\n').replaceAll('apiVersion: v1', 'apiVersion: projectcalico.org/v3');
    const { resources } = parseFile({ path: 'f', text });
    const lines = resources.map(({ locate }) => locate(['metadata', 'name']).line);
    const backwards = resources.toReversed().map(({ locate }) => locate(['metadata', 'name']).line);
    expect(lines).toEqual(Array.from({ length: 20 }, (_, i) => 3 + 4 * i));
    expect(backwards).toEqual(lines.toReversed());
  });
});
