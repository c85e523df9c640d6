/** EndpointSlices as Kubernetes writes them, and what is refused of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printStored, readStored } from '../store/stored-object.ts';
import { parseFile } from './document.ts';
import { problemsOf } from './manifest.fixture.ts';
import { printResource } from './text.ts';
import { validateResource } from './validate.ts';

const envelope = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-x7k2p
  namespace: shop
  labels: {kubernetes.io/service-name: web}
`;
const exported = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  annotations:
    endpoints.kubernetes.io/last-change-trigger-time: "2026-08-01T10:00:00Z"
  creationTimestamp: "2026-08-01T10:00:00Z"
  generateName: web-
  generation: 4
  labels:
    endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
    kubernetes.io/service-name: web
  name: web-x7k2p
  namespace: shop
  ownerReferences: [{apiVersion: v1, kind: Service, name: web, uid: 3f, controller: true, blockOwnerDeletion: true}]
  resourceVersion: "913"
  uid: 8a0e
addressType: IPv4
endpoints:
- addresses: [10.1.0.1]
  conditions: {ready: true, serving: true, terminating: false}
  hints: {forZones: [{name: eu-1a}]}
  nodeName: k1
  targetRef: {kind: Pod, name: web-1, namespace: shop, uid: 77}
  zone: eu-1a
ports:
- {name: http, port: 8080, protocol: TCP, appProtocol: http}
`;

/** Every field with values of every sort, often the right one. */
const value = fc.oneof(
  fc.constantFrom<unknown>('10.0.0.1', 'fd00::1', 'IPv4', 'IPv6', 'FQDN', 'TCP', 80, 0, -1, null, '', true),
  fc.anything({ maxDepth: 2 }),
);
const fields = (...names: string[]) =>
  fc.dictionary(fc.constantFrom(...names, '__proto__'), fc.oneof(value, fc.array(value, { maxLength: 2 })));
const anySlice = fc.record(
  {
    apiVersion: fc.constant('discovery.k8s.io/v1'),
    kind: fc.constant('EndpointSlice'),
    metadata: fc.oneof(fc.constant({ name: 'a', labels: { 'kubernetes.io/service-name': 'w' } }), value),
    addressType: fc.oneof(fc.constantFrom('IPv4', 'IPv6', 'FQDN'), value),
    endpoints: fc.oneof(fc.array(fields('addresses', 'conditions', 'nodeName'), { maxLength: 2 }), value),
    ports: fc.oneof(fc.array(fields('name', 'port', 'protocol'), { maxLength: 2 }), value),
  },
  { requiredKeys: ['apiVersion', 'kind'] },
);

it('whatever stands in an EndpointSlice, it is refused or read back from what is printed of it', () => {
  let valid = 0;
  fc.assert(
    fc.property(anySlice, (raw) => {
      const { resource } = validateResource(raw);
      if (!resource) return;
      valid++;
      const again = parseFile({ path: 'f.yaml', text: printResource(resource, 'yaml') });
      expect(again.errors).toEqual([]);
      expect(again.resources[0]?.resource).toEqual(resource);
    }),
    { numRuns: 2000, seed: 4 },
  );
  expect(valid).toBeGreaterThan(20);
});

describe('an EndpointSlice', () => {
  it('is read as Kubernetes exports it, and printed and stored so', () => {
    const [found] = parseFile({ path: 'f.yaml', text: exported }).resources;
    if (!found) throw new Error('it is valid');
    const { resource } = found;
    expect(resource).toMatchObject({
      metadata: { name: 'web-x7k2p', namespace: 'shop' },
      spec: { addressType: 'IPv4', ports: [{ port: 8080 }] },
    });
    expect(found.locate(['spec', 'endpoints', 0, 'addresses', 0]).line).toBe(19);
    const printed = printResource(resource, 'yaml');
    expect(printed).toContain('\naddressType: IPv4\n');
    expect(printed).not.toContain('spec:');
    const again = parseFile({ path: 'g.yaml', text: printed });
    expect(again.errors).toEqual([]);
    expect(again.resources[0]?.resource).toEqual(resource);
    const key = '/causeway/resources/v1/discovery.k8s.io/endpointslices/shop/web-x7k2p';
    const stored = readStored({ key, value: printStored(resource), revision: 7 });
    expect(stored.ok && stored.value.spec).toEqual(resource.spec);
  });

  it('is read from a list of the Kubernetes API', () => {
    const item = exported
      .replace(/^apiVersion.*\nkind.*\n/, '')
      .replace(/^/gm, '    ')
      .replace('    metadata', '  - metadata');
    const text = `apiVersion: discovery.k8s.io/v1\nkind: EndpointSliceList\nmetadata: {resourceVersion: "9"}\nitems:\n${item}`;
    const { resources, errors } = parseFile({ path: 'f.yaml', text });
    expect(errors).toEqual([]);
    expect(resources.map(({ resource }) => resource.kind)).toEqual(['EndpointSlice']);
  });

  it.each([
    ['no address type', 'endpoints: []', 'addressType', /required/],
    ['an unknown address type', 'addressType: IP', 'addressType', /IPv4/],
    [
      'an address of the other family',
      'addressType: IPv6\nendpoints: [{addresses: [10.0.0.1]}]',
      'endpoints[0].addresses[0]',
      /no IPv6 address/,
    ],
    [
      'a prefix for an address',
      'addressType: IPv4\nendpoints: [{addresses: [10.0.0.0/24]}]',
      'endpoints[0].addresses[0]',
      /no IPv4 address/,
    ],
    ['an endpoint without address', 'addressType: IPv4\nendpoints: [{addresses: []}]', 'endpoints[0].addresses', /./],
    ['a protocol in lower case', 'addressType: IPv4\nports: [{protocol: tcp, port: 1}]', 'ports[0].protocol', /TCP/],
    ['a port that is none', 'addressType: IPv4\nports: [{port: 70000}]', 'ports[0].port', /65535/],
    ['a spec', 'addressType: IPv4\nspec: {}', 'spec', /not recognized/],
    ['an unknown field', 'addressType: IPv4\nendpoint: []', 'endpoint', /endpoints/],
  ])('is refused with %s', (_title, body, field, reason) => {
    const [problem] = problemsOf(`${envelope}${body}\n`);
    expect(problem?.field).toBe(field);
    expect(problem?.reason).toMatch(reason);
  });

  it.each([
    ['host names', 'addressType: FQDN\nendpoints: [{addresses: [web.example]}]', /no addresses/],
    ['a port without number', 'addressType: IPv4\nports: [{name: any}]', /every port/],
  ])('warns of %s', (_title, body, reason) => {
    const { errors, warnings } = parseFile({ path: 'f.yaml', text: `${envelope}${body}\n` });
    expect(errors).toEqual([]);
    expect(warnings.map((warning) => warning.reason).join()).toMatch(reason);
  });

  it.each([
    ['Service', 'v1', /EndpointSlices/],
    ['Endpoints', 'v1', /EndpointSlices/],
    ['EndpointSlice', 'discovery.k8s.io/v1beta1', /write discovery.k8s.io\/v1/],
  ])('is what is asked for instead of a %s of %s', (kind, apiVersion, reason) => {
    expect(problemsOf(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n`)[0]?.reason).toMatch(reason);
  });
});
