/**
 * That filters walked here decide as BIRD does with their text: random routes, before random BGPFilters and the bound of an
 * Attachment, in both directions; a BIRD alone in a namespace is asked which routes each filter lets through.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileBird, compileFunctions } from '../../../src/bird/compile.ts';
import { compileExport } from '../../../src/bird/compile-export.ts';
import { compileImport } from '../../../src/bird/compile-import.ts';
import type { Community } from '../../../src/bird/config.ts';
import { evaluateFilter, type RouteFacts } from '../../../src/bird/evaluate.ts';
import { resolveHub } from '../../../src/bird/hub.fixture.ts';
import { printBird } from '../../../src/bird/print.ts';
import { parsePrefix, printPrefix } from '../../../src/net/prefix.ts';
import type { BgpFilterRule } from '../../../src/resources/bgp-filter.ts';
import { resource } from '../../../src/resources/resource.fixture.ts';
import { type Cable, layCable, requirePrograms } from './namespaces.ts';

const seed = 20261125;
const localAs = 64520;

const prefixes = fc
  .tuple(fc.constantFrom(10, 10, 10, 11, 198), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 255 }))
  .chain(([a, b, c]) =>
    fc.integer({ min: 8, max: 28 }).map((length) => {
      const parsed = parsePrefix(`${a}.${length > 8 ? b : 0}.${length > 16 ? c : 0}.0/${Math.min(length, 24)}`);
      return parsed ?? parsePrefix(`${a}.${b}.0.0/16`);
    }),
  );
const asNumbers = fc.constantFrom(65001, 65002, 64601, 65010, localAs);
const communities = fc.constantFrom<Community>([65000, 1], [65000, 2], [65000, 1, 2], [localAs, 1, 7], [65535, 0]);

interface Dressed {
  readonly prefix: NonNullable<ReturnType<typeof parsePrefix>>;
  readonly asPath: readonly number[];
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
  readonly discards: boolean;
}

const dressed: fc.Arbitrary<Dressed> = fc.record({
  prefix: prefixes.map((one) => one ?? { family: 4, bits: 0n, length: 0 }),
  asPath: fc.array(asNumbers, { maxLength: 4 }),
  communities: fc.uniqueArray(communities, { maxLength: 3, selector: (one) => one.join() }),
  localPref: fc.option(fc.constantFrom(2147483647 - 100, 50), { nil: undefined }),
  discards: fc.boolean(),
});

const rules: fc.Arbitrary<BgpFilterRule[]> = fc.array(
  fc.record(
    {
      action: fc.constantFrom<'Accept' | 'Reject'>('Accept', 'Reject'),
      matchOperator: fc.constantFrom<'In' | 'NotIn' | 'Equal' | 'NotEqual'>('In', 'NotIn', 'Equal', 'NotEqual'),
      cidr: fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '10.1.0.0/24', '0.0.0.0/0', '10.2.0.0/16'),
      prefixLength: fc.constantFrom({ min: 9, max: 20 }, { max: 16 }, { min: 24 }),
      communities: fc.constantFrom({ values: ['65000:1'] }, { values: ['65000:1:2'] }),
      asPathPrefix: fc.constantFrom([65001], [65001, 65002], [64601]),
      priority: fc.constantFrom(100, 1024),
      peerType: fc.constantFrom<'eBGP' | 'iBGP'>('eBGP', 'iBGP'),
      operations: fc.constantFrom(
        [{ addCommunity: { value: '65000:9' } }],
        [{ prependASPath: { prefix: [65009] } }],
        [{ setPriority: { value: 100 } }],
      ),
    },
    { requiredKeys: ['action'] },
  ),
  { minLength: 1, maxLength: 4 },
);

let cable: Cable;

beforeAll(() => {
  requirePrograms();
  cable = layCable('e');
});

afterAll(() => cable?.remove());

/** A rule with lengths and an operator needs a prefix to be valid. */
function valid(rule: BgpFilterRule): BgpFilterRule {
  if (rule.cidr !== undefined) return { ...rule, matchOperator: rule.matchOperator ?? 'In' };
  const { matchOperator: _operator, prefixLength: _length, ...rest } = rule;
  return rest;
}

function printDressed({ prefix, asPath, communities: told, localPref, discards }: Dressed): string {
  const words = [
    ...asPath.toReversed().map((as) => `bgp_path.prepend(${as});`),
    ...told.map((one) => `${one.length === 3 ? 'bgp_large_community' : 'bgp_community'}.add((${one.join(',')}));`),
    ...(localPref === undefined ? [] : [`bgp_local_pref = ${localPref};`]),
  ];
  return `route ${printPrefix(prefix)} ${discards ? 'blackhole' : 'via "wire"'} { ${words.join(' ')} };`;
}

function factsOf(route: Dressed): RouteFacts {
  return {
    ...route,
    source: 'static',
    protocol: 'probe',
    interfaceName: route.discards ? '' : 'wire',
    med: undefined,
    kernelMetric: undefined,
  };
}

it('filters walked here let through what BIRD lets through', () => {
  const samples = fc.sample(fc.tuple(rules, rules), { seed, numRuns: 8 });
  const routes = [
    ...new Map(
      fc.sample(dressed, { seed, numRuns: 300 }).map((route): [string, Dressed] => [printPrefix(route.prefix), route]),
    ).values(),
  ];
  let decisions = 0;
  let accepted = 0;
  for (const [importV4, exportV4] of samples) {
    const { routing } = resolveHub('tr1', [
      resource('BGPFilter', 'f', {
        importV4: importV4.map(valid),
        exportV4: exportV4.map(valid),
      }),
      resource('Attachment', 'spoke-a', {
        router: 'tr1',
        site: 'spoke-a',
        link: { interface: { name: 'eth1' } },
        addresses: { local: ['192.168.1.1/30'], remote: ['192.168.1.2'] },
        bgp: { asNumber: 64601, importFilters: ['f'], exportFilters: ['f'] },
      }),
      resource('BGPPeer', 'p', { node: 'tr1', peerIP: '172.16.0.9', asNumber: 65001, filters: ['f'] }),
    ]);
    const functions = new Map(compileFunctions(routing).map((one) => [one.name, one]));
    const whole = compileBird({ ...routing, sessions: routing.sessions }, { secrets: new Map() });
    // Sessions are left out: only the filters' text is asked.
    const text = printBird({ ...whole, kernels: [], statics: [], sessions: [], templates: [], bfd: undefined });
    const probe = `protocol static probe { ipv4; ${routes.map(printDressed).join('\n')} }\n`;
    writeFileSync(join(cable.dir, 'e.conf'), `${text}\n${probe}`);
    const socket = join(cable.dir, 'e.ctl');
    cable.run('a', 'bird', '-c', join(cable.dir, 'e.conf'), '-s', socket, '-P', join(cable.dir, 'e.pid'));
    try {
      for (const session of routing.sessions) {
        for (const channel of session.channels.filter(({ family }) => family === 4)) {
          for (const filter of [compileImport(session, channel, routing), compileExport(session, channel, routing)]) {
            const shown = execFileSync(
              'birdc',
              ['-s', socket, 'show', 'route', 'filter', filter.name, 'protocol', 'probe'],
              {
                encoding: 'utf8',
              },
            );
            const byBird = [...shown.matchAll(/^(\d[0-9.]*\/\d+)/gm)].map(([, prefix]) => prefix).sort();
            const byUs = routes
              .filter((route) => evaluateFilter(filter, functions, factsOf(route)).kind === 'accepted')
              .map(({ prefix }) => printPrefix(prefix))
              .sort();
            expect(byUs, `${filter.name} with ${JSON.stringify({ importV4, exportV4 })}`).toEqual(byBird);
            decisions += routes.length;
            accepted += byUs.length;
          }
        }
      }
    } finally {
      execFileSync('birdc', ['-s', socket, 'down']);
    }
  }
  expect(decisions).toBeGreaterThan(2000);
  // Neither all of one kind: both answers were compared often.
  expect(accepted).toBeGreaterThan(100);
  expect(decisions - accepted).toBeGreaterThan(100);
});
