/**
 * The compiled ruleset does what the specification says: for random policies and packets, the interpreter's verdict on
 * `compileRuleset(policy)` is `explainPacket`'s on the policy.
 *
 * CAUSEWAY_PROPERTY_RUNS sets how many policies are tried, CAUSEWAY_PROPERTY_SEED where the search begins.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PolicyIntent } from '../../src/intent/policy/policy-intent.ts';
import { printAddress } from '../../src/net/address.ts';
import { printPrefix } from '../../src/net/prefix.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { explainPacket } from '../../src/verdict/explain-packet.ts';
import type { Packet } from '../../src/verdict/packet.ts';
import { printVerdict } from '../../src/verdict/print-verdict.ts';
import { broadCases, broadIntents } from './arbitrary-broad-policy.ts';
import { denseIntents } from './arbitrary-dense-policy.ts';
import { arrivingCases, type PacketCase, packetCases } from './arbitrary-packet.ts';
import { policyIntents } from './arbitrary-policy.ts';
import { selectorIntents } from './arbitrary-selector-policy.ts';
import { checkRuleset } from './check-ruleset.ts';
import { interpretRuleset } from './nft-interpreter.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 300);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);

/** Generous: a busy machine takes 20 ms a policy. */
const timeout = 30_000 + numRuns * 100;

/** Any way through eth0 and eth1, as often as not one that a packet arrives on. */
const labelledCases = fc.oneof(packetCases, arrivingCases);

const nowhere = () => undefined;

/** Up to `most` packets to try on one policy: compiling it is what takes time. */
function packetLists(cases: fc.Arbitrary<PacketCase>, most: number): fc.Arbitrary<PacketCase[]> {
  return fc.array(cases, { minLength: 1, maxLength: most, size: 'max' });
}

it.each([
  { policies: 'policies of every shape', intents: policyIntents, cases: packetCases, packets: 60, share: 1 },
  { policies: 'rules that ask for labels', intents: selectorIntents, cases: labelledCases, packets: 120, share: 1 },
  {
    policies: 'broad and narrow selectors on both sides',
    intents: broadIntents,
    cases: broadCases,
    packets: 250,
    share: 0.4,
  },
  { policies: 'one policy of many rules', intents: denseIntents, cases: arrivingCases, packets: 250, share: 0.4 },
])(
  'agrees with the specification on every packet: $policies',
  ({ intents, cases, packets, share }) => {
    fc.assert(
      fc.property(intents, packetLists(cases, packets), (policy, list) => {
        const ruleset = compileRuleset(policy);
        expect(checkRuleset(ruleset)).toEqual([]);
        for (const each of list) {
          const expected = explainPacket(policy, each.passage, each.packet, nowhere);
          const compiled = interpretRuleset(ruleset, each.passage, each.packet, each.portless);
          const story = () =>
            [printCase(each), printVerdict(expected), `nft: ${compiled.verdict}`, ...compiled.comments].join('\n');
          // Every nft rule that stops a packet names the policy rule it stands for, if one decided.
          const isNamed = /^[A-Za-z]+\/.* (ingress|egress)\[\d+\]$/.test(compiled.comments.at(-1) ?? '');
          const isAttributed = compiled.verdict === 'accept' || isNamed === (expected.rule !== null);
          if (compiled.verdict !== expected.verdict || !isAttributed) {
            throw new Error(`${story()}\n${printPolicy(policy)}`);
          }
        }
      }),
      { seed, numRuns: Math.ceil(numRuns * share) },
    );
  },
  timeout,
);

/** A disagreement is only worth its test if the search would find one. */
it(
  'would notice a rule that the compiler forgot',
  () => {
    const forgetful = (policy: PolicyIntent): PolicyIntent => ({
      ...policy,
      policies: new Map([...policy.policies].map(([id, rules]) => [id, { ...rules, ingress: rules.ingress.slice(1) }])),
    });
    const search = fc.check(
      fc.property(policyIntents, packetLists(packetCases, 60), (policy, cases) => {
        const ruleset = compileRuleset(forgetful(policy));
        return cases.every(
          ({ passage, packet, portless }) =>
            interpretRuleset(ruleset, passage, packet, portless).verdict ===
            explainPacket(policy, passage, packet, nowhere).verdict,
        );
      }),
      { seed, numRuns, endOnFailure: true },
    );
    expect(search.failed).toBe(true);
  },
  timeout,
);

function printCase({ passage, packet, portless }: PacketCase): string {
  const way = Object.values(passage).join(' ');
  return `${way}: ${printPacket(packet)} (bytes in place of ports: ${JSON.stringify(portless)})`;
}

function printPacket({ source, destination, ...rest }: Packet): string {
  return `${printAddress(source)} > ${printAddress(destination)} ${JSON.stringify(rest)}`;
}

/** As JSON a person can read: prefixes printed, maps as objects, empty lists left out. */
function printPolicy(policy: PolicyIntent): string {
  return JSON.stringify(
    policy,
    (_, value: unknown) => {
      if (value instanceof Map) return Object.fromEntries(value);
      if (Array.isArray(value) && value.length === 0) return undefined;
      if (isPrefix(value)) return printPrefix(value);
      return value;
    },
    1,
  ).replace(/\n\s*(?=[\]}"0-9])/g, ' ');
}

function isPrefix(value: unknown): value is Parameters<typeof printPrefix>[0] {
  return typeof value === 'object' && value !== null && 'bits' in value && 'length' in value;
}
