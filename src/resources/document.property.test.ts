/** Whatever the bytes, reading ends soon, throws nothing and loses nothing silently. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFile } from './document.ts';
import { manifest } from './manifest.fixture.ts';
import { parseSelector } from './selector/parse.ts';
import { parseStored, printResource } from './text.ts';

const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20_261_125);
/** How often each search is run beyond what there is time for on every commit. */
const scale = Math.max(1, Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 0) / 100);
const timeout = 30_000 + scale * 10_000;

/** Either something was read or something was said; time is generous, as it only has to exclude runaway work. */
function expectSane(text: string): void {
  const started = performance.now();
  const { resources, errors } = parseFile({ path: 'f', text });
  expect(resources.length + errors.length).toBeGreaterThan(0);
  expect(errors.every((error) => error.reason !== '' && error.file === 'f')).toBe(true);
  expect(performance.now() - started).toBeLessThan(30_000);
}

const valid = [
  manifest(
    'GlobalNetworkPolicy',
    "tier: default\norder: 1\nselector: app in {'a', 'b'}\ntypes: [Ingress, Egress]\ningress:\n- action: Allow\n  protocol: TCP\n  source: {nets: [10.0.0.0/8], notNets: [10.1.0.0/16]}\n  destination: {ports: [80, \"1:5\", http]}\n- action: Deny\n  protocol: ICMP\n  icmp: {type: 0, code: 0}",
  ),
  manifest(
    'BGPFilter',
    'exportV4:\n- action: Accept\n  cidr: 10.0.0.0/8\n  matchOperator: In\n  prefixLength: {min: 8, max: 24}\n  operations:\n  - addCommunity: {value: "65000:1"}',
  ),
  manifest(
    'Attachment',
    'router: r\nsite: s\nlink: {interface: {name: eth1}}\naddresses: {local: [192.0.2.1/30], remote: [192.0.2.2]}\nbgp: {asNumber: 65010, holdTime: 9s, bfd: off}',
  ),
  manifest('FelixConfiguration', 'failsafeInboundHostPorts: []\nipv6Support: false', 'default'),
  manifest(
    'Router',
    'asNumber: "1.10"\ninterfaces:\n- {name: eth0, addresses: [10.0.0.1/24, "fd00::1/64"], labels: {a: "yes"}}',
  ),
];

const yamlish = fc
  .array(
    fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '-',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '|',
      '>',
      '&a',
      '*a',
      '#',
      '!',
      '%',
      '?',
      '<<',
      '---\n',
      '...\n',
      '  ',
      '\t',
      '0x',
      '~',
      'kind: Tier\n',
      '\r',
    ),
    { maxLength: 80 },
  )
  .map((parts) => parts.join(''));

describe('reading', () => {
  it(
    'survives random bytes',
    () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => expectSane(new TextDecoder().decode(bytes))),
        { seed, numRuns: 300 * scale },
      );
    },
    timeout,
  );

  it(
    'survives text that looks like YAML',
    () => {
      fc.assert(fc.property(yamlish, expectSane), { seed, numRuns: 500 * scale });
    },
    timeout,
  );

  it(
    'survives any JSON tree, also under every kind',
    () => {
      const kind = fc.constantFrom(
        'GlobalNetworkPolicy',
        'BGPPeer',
        'BGPFilter',
        'Attachment',
        'Router',
        'IPPool',
        'FelixConfiguration',
        'WorkloadEndpoint',
        'TierList',
        'List',
      );
      fc.assert(
        fc.property(kind, fc.jsonValue(), fc.jsonValue(), (of, spec, metadata) => {
          expectSane(JSON.stringify(spec));
          expectSane(JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: of, metadata, spec, items: spec }));
        }),
        { seed, numRuns: 300 * scale },
      );
    },
    timeout,
  );

  it(
    'survives valid manifests with one place changed',
    () => {
      const edit = fc.record({
        text: fc.constantFrom(...valid),
        at: fc.nat(),
        cut: fc.nat(12),
        insert: fc.oneof(yamlish, fc.string({ maxLength: 6 })),
      });
      fc.assert(
        fc.property(edit, ({ text, at, cut, insert }) => {
          const from = at % text.length;
          expectSane(text.slice(0, from) + insert + text.slice(from + cut));
        }),
        { seed, numRuns: 500 * scale },
      );
    },
    timeout,
  );
});

describe('reading what is no file', () => {
  const selectorish = fc
    .array(
      fc.constantFrom(
        ...['a', "'x'", '"y"', '==', '!=', ' in ', ' not in ', '{', '}', '(', ')', '!', '&&', '||', ',', ' ', 'has(a)'],
        ...['all()', 'global()', 'contains', ' starts with ', ' ends with ', '\\t', '\\n', '`', 'é', '\\0'],
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''));

  it(
    'survives selectors of any text, and of any depth',
    () => {
      fc.assert(
        fc.property(
          fc.oneof(
            selectorish,
            fc.string(),
            fc.nat(5000).map((depth) => '!('.repeat(depth)),
          ),
          (text) => {
            const parsed = parseSelector(text);
            expect(parsed.ok || parsed.error !== undefined).toBe(true);
          },
        ),
        { seed, numRuns: 500 * scale },
      );
    },
    timeout,
  );

  it(
    'survives stored objects of any bytes, trees and places changed',
    () => {
      const stored = valid.flatMap((text) => parseFile({ path: 'f', text }).resources.map(({ resource }) => resource));
      const texts = stored.map((resource) => printResource(resource, 'json'));
      const edit = fc
        .record({ text: fc.constantFrom(...texts), at: fc.nat(), cut: fc.nat(12), insert: fc.string({ maxLength: 6 }) })
        .map(({ text, at, cut, insert }) => {
          const from = at % text.length;
          return text.slice(0, from) + insert + text.slice(from + cut);
        });
      const bytes = fc.uint8Array({ maxLength: 200 }).map((all) => new TextDecoder().decode(all));
      fc.assert(
        fc.property(fc.oneof(edit, bytes, fc.json()), (text) => {
          const parsed = parseStored(text);
          expect(parsed.ok || parsed.error.reasons.length > 0).toBe(true);
        }),
        { seed, numRuns: 500 * scale },
      );
    },
    timeout,
  );
});

describe('printing', () => {
  it.each(valid)('%# is read back equal, in both formats', (text) => {
    const original = parseFile({ path: 'f', text }).resources[0]?.resource;
    expect(original).toBeDefined();
    if (!original) return;
    for (const format of ['yaml', 'json'] as const) {
      const printed = printResource(original, format);
      const again = parseFile({ path: 'f', text: printed });
      expect(again.errors).toEqual([]);
      expect(again.resources[0]?.resource).toEqual(original);
    }
  });
});
