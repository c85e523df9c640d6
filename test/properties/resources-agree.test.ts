/**
 * Three readings of the same resources give one verdict: a naive evaluator that shares nothing with src/, the way from
 * YAML to `explain`, and the compiled ruleset under the interpreter.
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many networks of each sort are tried, CAUSEWAY_PROPERTY_SEED where the search begins;
 * CAUSEWAY_PROPERTY_TELL=1 prints how far it is and, at the end, what it met.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { resolveIntent } from '../../src/intent/resolve-intent.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { parseFile } from '../../src/resources/document.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import { explainPacket } from '../../src/verdict/explain-packet.ts';
import { printVerdict } from '../../src/verdict/print-verdict.ts';
import type { Verdict } from '../../src/verdict/verdict.ts';
import { aimPacket } from './aim-packet.ts';
import { packets, ways } from './arbitrary-manifest-packet.ts';
import { calicoNetworks, printManifests, routerNetworks } from './arbitrary-manifests.ts';
import { checkRuleset } from './check-ruleset.ts';
import { Coverage } from './coverage.ts';
import { expectedDecisions, expectedFields, expectedPackets } from './expected-coverage.ts';
import type { Manifest, NaivePacket, NaiveWay } from './naive/manifest.ts';
import { judge } from './naive/verdict.ts';
import { interpretRuleset } from './nft-interpreter.ts';
import { packetOf, passageOf } from './packet-of.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 200);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const isTelling = process.env['CAUSEWAY_PROPERTY_TELL'] === '1';
const longSearch = 2500;
const timeout = 60_000 + numRuns * 200;

const cases = fc.array(fc.record({ way: ways, drawn: packets, aim: fc.nat(1023) }), {
  minLength: 1,
  maxLength: 40,
  size: 'max',
});

it(
  'one verdict from resources, from the intent and from the ruleset, of Calico Nodes and of Routers',
  () => {
    const coverage = new Coverage();
    const progress = reportProgress(coverage);
    for (const networks of [calicoNetworks, routerNetworks]) {
      fc.assert(
        fc.property(networks, cases, (manifests, list) => {
          const text = printManifests(manifests);
          const product = readNetwork(text);
          coverage.addResources(manifests);
          for (const { way, drawn, aim } of list) {
            const packet = aimPacket(manifests, drawn, aim);
            const naive = judge(manifests, 'r1', way, packet);
            if (naive === undefined) continue;
            const verdict = product.explain(way, packet);
            const compiled = product.interpret(way, packet);
            const told = { naive: summary(naive.verdict, naive.stage, naive.rule), explained: summarize(verdict) };
            const story = () =>
              `${JSON.stringify({ way, packet })}\n${JSON.stringify(told, null, 1)}\nnft: ${compiled}\n${printVerdict(verdict)}\n${text}`;
            if (told.naive !== told.explained || compiled !== verdict.verdict) throw new Error(story());
            if (naive.written) {
              const line = text.split('\n')[(verdict.position?.line ?? 0) - 1];
              if (line !== `  - ${JSON.stringify(naive.written)}`) throw new Error(`line ${line}\n${story()}`);
            }
            coverage.addPacket(way, packet, naive);
          }
          progress();
        }),
        { seed, numRuns },
      );
    }
    if (isTelling) process.stdout.write(`${coverage.print()}\n${coverage.pairs} pairs of resources and a packet\n`);
    // A search that never reaches a thing proves nothing about it; the shorter one need not reach everything.
    const missing = (names: readonly string[]) => names.filter((name) => !coverage.has(name));
    if (numRuns >= 100) expect(missing(expectedFields)).toEqual([]);
    if (numRuns >= longSearch) expect(missing([...expectedPackets, ...expectedDecisions])).toEqual([]);
  },
  timeout,
);

/** Of a long search: how far it is, every ten seconds. */
function reportProgress(coverage: Coverage): () => void {
  let last = performance.now();
  return () => {
    if (!isTelling || performance.now() - last < 10_000) return;
    last = performance.now();
    process.stdout.write(`${coverage.pairs} pairs agree\n`);
  };
}

it('would notice an evaluator that reads one policy too few', () => {
  const forgetful = (manifests: readonly Manifest[]) => {
    const [first] = manifests.filter(({ kind }) => kind === 'GlobalNetworkPolicy');
    return manifests.filter((manifest) => manifest !== first);
  };
  const search = fc.check(
    fc.property(calicoNetworks, cases, (manifests, list) => {
      const product = readNetwork(printManifests(manifests));
      return list.every(({ way, drawn, aim }) => {
        const packet = aimPacket(manifests, drawn, aim);
        const naive = judge(forgetful(manifests), 'r1', way, packet);
        return !naive || summary(naive.verdict, naive.stage, naive.rule) === summarize(product.explain(way, packet));
      });
    }),
    { seed, numRuns: 300, endOnFailure: true },
  );
  expect(search.failed).toBe(true);
});

function readNetwork(text: string) {
  const { resources, errors } = parseFile({ path: 'network.yaml', text });
  if (errors.length > 0) throw new Error(`${JSON.stringify(errors, null, 1)}\n${text}`);
  const snapshot = makeSnapshot(resources);
  const intent = resolveIntent(snapshot, 'r1');
  if (!intent.ok) throw new Error('no router');
  const { policy } = intent.value;
  const ruleset = compileRuleset(policy);
  const problems = checkRuleset(ruleset);
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n${text}`);
  return {
    explain: (way: NaiveWay, packet: NaivePacket) =>
      explainPacket(policy, passageOf(way), packetOf(packet), (resource, path) => snapshot.locate(resource, path)),
    interpret: (way: NaiveWay, packet: NaivePacket) =>
      interpretRuleset(ruleset, passageOf(way), packetOf(packet)).verdict,
  };
}

function summarize({ verdict, stage, rule }: Verdict): string {
  return summary(verdict, stage, rule && `${rule.kind}/${rule.name} ${rule.direction}[${rule.index}]`);
}

function summary(verdict: string, stage: string, rule: string | null): string {
  return `${verdict} in ${stage} by ${rule ?? 'no rule'}`;
}
