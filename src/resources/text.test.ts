/** Printed text is canonical and reads back; stored text keeps the name its user gave. */
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import type { AnyResource } from './resource.ts';
import { parseStored, printResource, printResources } from './text.ts';

function read(text: string): AnyResource {
  const resource = parseFile({ path: 'f', text }).resources[0]?.resource;
  if (!resource) throw new Error('the manifest of this test is not valid');
  return resource;
}

describe('printing', () => {
  it('prints the envelope in its usual order and fields alphabetically', () => {
    const text = manifest(
      'GlobalNetworkPolicy',
      "selector: a == 'b'\norder: 0\ningress:\n- source: {nets: [10.0.0.0/8]}\n  action: Allow",
    );
    expect(printResource(read(text), 'yaml')).toBe(
      "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: thing\nspec:\n  ingress:\n    - action: Allow\n      source:\n        nets:\n          - 10.0.0.0/8\n  order: 0\n  selector: a == 'b'\n  tier: default\n  types:\n    - Ingress\n",
    );
  });

  it('quotes text that YAML 1.1 readers would take for something else', () => {
    const text = manifest('Tier', '').replace(
      'name: thing',
      'name: on\n  labels: {a: "yes", b: "1", c: "1e3", d: "0o7", e: "012"}',
    );
    const printed = printResource(read(text), 'yaml');
    for (const word of ['"on"', '"yes"', '"1"', '"1e3"', '"0o7"', '"012"']) expect(printed).toContain(word);
    expect(read(printed)).toEqual(read(text));
  });

  it.each(['yaml', 'json'] as const)('prints several as one %s input', (format) => {
    const resources = ['a', 'b'].map((name) => read(manifest('Tier', 'order: 1', name)));
    const again = parseFile({ path: 'f', text: printResources(resources, format) });
    expect(again.errors).toEqual([]);
    expect(again.resources.map(({ resource }) => resource)).toEqual(resources);
  });
});

describe('stored policies', () => {
  const stored = (name: string, extra: object = {}, spec: object = {}): string =>
    JSON.stringify({
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name, ...extra },
      spec,
    });
  const annotated = (text: string): object => ({ annotations: { 'projectcalico.org/metadata': text } });

  it.each<[string, string, string, object | undefined]>([
    ['an old default-tier name', stored('default.foo'), 'foo', undefined],
    ['an old default-tier name with a dot of its own', stored('default.foo.bar'), 'foo.bar', undefined],
    ['a name of another tier', stored('net.foo', {}, { tier: 'net' }), 'net.foo', undefined],
    ['default. in another tier', stored('default.foo', {}, { tier: 'net' }), 'default.foo', undefined],
    ['a new name', stored('foo', annotated('{"name":"foo"}')), 'foo', undefined],
    ['a new name that looks old', stored('default.foo', annotated('{"name":"default.foo"}')), 'default.foo', undefined],
    [
      'other fields of the annotation',
      stored('x', annotated('{"name":"foo","uid":"1"}')),
      'foo',
      { 'projectcalico.org/metadata': '{"uid":"1"}' },
    ],
    [
      'an annotation that is no JSON',
      stored('default.foo', annotated('{')),
      'foo',
      { 'projectcalico.org/metadata': '{' },
    ],
  ])('%s', (_title, json, name, annotations) => {
    const result = parseStored(json);
    expect(result).toMatchObject({ ok: true, value: { metadata: { name } } });
    expect(result.ok && result.value.metadata.annotations).toEqual(annotations);
  });

  it.each<[string, string, object]>([
    ['no JSON', '{', { kind: 'not-json' }],
    ['another value', '7', { kind: 'invalid', subject: '' }],
    [
      'an invalid object',
      stored('foo', {}, { order: 'x' }),
      {
        kind: 'invalid',
        subject: 'GlobalNetworkPolicy/foo',
        reasons: ['spec.order: must be a number, not the text "x"'],
      },
    ],
  ])('%s is refused with reasons', (_title, json, error) => {
    expect(parseStored(json)).toMatchObject({ ok: false, error });
  });

  describe('what clients of Calico stored', () => {
    const policy = (rule: object) => stored('foo', {}, { ingress: [rule, { action: 'Deny' }] });
    it.each([
      ['lists of both IP versions', { action: 'Deny', source: { nets: ['10.0.0.0/8', 'fd00::/8'] } }],
      ['lists of different versions', { action: 'Deny', source: { nets: ['10.0.0.0/8'], notNets: ['fd00::/8'] } }],
      ['a catch-all in a negated list', { action: 'Deny', source: { notNets: ['0.0.0.0/0', '10.0.0.0/8'] } }],
      ['an HTTP match, beside which its other rules must stay', { action: 'Allow', http: { methods: ['GET'] } }],
    ])('is read, though files may not say it: %s', (_title, rule) => {
      const read = parseStored(policy(rule));
      expect(read).toMatchObject({ ok: true, value: { spec: { ingress: [rule, { action: 'Deny' }] } } });
      const written = parseFile({ path: 'f.json', text: policy(rule) });
      expect(written.resources).toEqual([]);
      expect(written.errors).toHaveLength(1);
    });
  });
});

it('refuses a stored object nested without end', () => {
  const deep = `{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"a"},"status":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;
  expect(parseStored(deep)).toMatchObject({ ok: false, error: { kind: 'not-json' } });
  expect(parseStored(deep.replace('{"a":', '{"a":"').replace(']}', ']"}'))).toMatchObject({ ok: true });
});
