/**
 * Three readings of the same resources give one verdict: a naive evaluator that shares nothing with src/, the way from
 * YAML to `explain`, and the compiled ruleset under the interpreter.
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many networks are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { resolveIntent } from '../../src/intent/resolve-intent.ts';
import { hasPorts } from '../../src/net/ip-protocol.ts';
import { address } from '../../src/net/literals.fixture.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { parseFile } from '../../src/resources/document.ts';
import { makeSnapshot } from '../../src/resources/snapshot.ts';
import { explainPacket } from '../../src/verdict/explain-packet.ts';
import type { Packet, Passage } from '../../src/verdict/packet.ts';
import { printVerdict } from '../../src/verdict/print-verdict.ts';
import type { Verdict } from '../../src/verdict/verdict.ts';
import { hosts } from './arbitrary-manifest-rule.ts';
import { calicoNetworks, printManifests, routerNetworks } from './arbitrary-manifests.ts';
import { checkRuleset } from './check-ruleset.ts';
import type { Manifest, NaivePacket, NaiveWay } from './naive/manifest.ts';
import { judge } from './naive/verdict.ts';
import { interpretRuleset } from './nft-interpreter.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 200);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const timeout = 60_000 + numRuns * 100;

const names = fc.constantFrom('eth0', 'eth0', 'eth1', 'eth1', 'eth2', 'lo', 'kube-ipvs0', 'cali0', 'eth9');
const ways: fc.Arbitrary<NaiveWay> = fc.oneof(
  fc.record({ in: names }),
  fc.record({ out: names }),
  fc.record({ in: names, out: names }),
);
const ports = fc.constantFrom(22, 80, 80, 443, 8080, 79, 53, 179, 1024, 67);

const packets: fc.Arbitrary<NaivePacket> = fc
  .record({
    family: fc.constantFrom<4 | 6>(4, 6),
    source: fc.nat(5),
    destination: fc.nat(5),
    protocol: fc.constantFrom(6, 6, 6, 17, 17, 132, 136, 1, 58, 47),
    sourcePort: ports,
    destinationPort: ports,
    icmpType: fc.constantFrom(0, 8, 8, 128, 128, 135, 138),
    icmpCode: fc.constantFrom(0, 0, 1),
    ct: fc.constantFrom<NaivePacket['ct']>('new', 'new', 'new', 'new', 'established', 'invalid', 'untracked'),
  })
  .map(({ family, source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode, ct }) => ({
    source: hosts[family][source] ?? '',
    destination: hosts[family][destination] ?? '',
    protocol,
    ct,
    ...(hasPorts(protocol) ? { sourcePort, destinationPort } : {}),
    ...(protocol === (family === 4 ? 1 : 58) ? { icmpType, icmpCode } : {}),
  }));

const cases = fc.array(fc.record({ way: ways, packet: packets }), { minLength: 1, maxLength: 40, size: 'max' });

it.each([
  ['a Calico Node alone', calicoNetworks],
  ['a Router', routerNetworks],
])(
  'one verdict from resources, from the intent and from the ruleset: %s',
  (_, networks) => {
    const met = new Map<string, number>();
    fc.assert(
      fc.property(networks, cases, (manifests, list) => {
        const text = printManifests(manifests);
        const product = readNetwork(text);
        for (const { way, packet } of list) {
          const naive = judge(manifests, 'r1', way, packet);
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
          met.set(told.naive.replace(/ .*/, '').concat(naive.stage, naive.rule ? ' rule' : ''), 1);
        }
      }),
      { seed, numRuns },
    );
    // A search that never reaches a stage proves nothing about it.
    if (numRuns >= 100) expect(met.size).toBeGreaterThan(20);
  },
  timeout,
);

it('would notice an evaluator that reads one policy too few', () => {
  const forgetful = (manifests: readonly Manifest[]) => {
    const [first] = manifests.filter(({ kind }) => kind === 'GlobalNetworkPolicy');
    return manifests.filter((manifest) => manifest !== first);
  };
  const search = fc.check(
    fc.property(calicoNetworks, cases, (manifests, list) => {
      const product = readNetwork(printManifests(manifests));
      return list.every(({ way, packet }) => {
        const naive = judge(forgetful(manifests), 'r1', way, packet);
        return summary(naive.verdict, naive.stage, naive.rule) === summarize(product.explain(way, packet));
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

function passageOf({ in: inbound, out: outbound }: NaiveWay): Passage {
  if (inbound === undefined) return { kind: 'local-out', outbound: outbound ?? '' };
  return outbound === undefined ? { kind: 'local-in', inbound } : { kind: 'forward', inbound, outbound };
}

function packetOf({ source, destination, ct, ...rest }: NaivePacket): Packet {
  return { ...rest, source: address(source), destination: address(destination), ctState: ct };
}

function summarize({ verdict, stage, rule }: Verdict): string {
  return summary(verdict, stage, rule && `${rule.kind}/${rule.name} ${rule.direction}[${rule.index}]`);
}

function summary(verdict: string, stage: string, rule: string | null): string {
  return `${verdict} in ${stage} by ${rule ?? 'no rule'}`;
}
