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
import { type PacketCase, packetCases, policyIntents } from './arbitrary-policy.ts';
import { interpretRuleset } from './nft-interpreter.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 200);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);
const packetsPerPolicy = 40;

const nowhere = () => undefined;

it('agrees with the specification on every packet', () => {
  fc.assert(
    fc.property(policyIntents, fc.array(packetCases, { maxLength: packetsPerPolicy, size: 'max' }), (policy, cases) => {
      const ruleset = compileRuleset(policy);
      for (const each of cases) {
        const expected = explainPacket(policy, each.passage, each.packet, nowhere);
        const compiled = interpretRuleset(ruleset, each.passage, each.packet, each.portless);
        const story = () =>
          [printCase(each), printVerdict(expected), `nft: ${compiled.verdict}`, ...compiled.comments].join('\n');
        if (compiled.verdict !== expected.verdict) throw new Error(`${story()}\n${printPolicy(policy)}`);
      }
    }),
    { seed, numRuns, verbose: 0 },
  );
});

/** A disagreement is only worth its test if the search would find one. */
it('would notice a rule that the compiler forgot', () => {
  const forgetful = (policy: PolicyIntent): PolicyIntent => ({
    ...policy,
    policies: new Map([...policy.policies].map(([id, rules]) => [id, { ...rules, ingress: rules.ingress.slice(1) }])),
  });
  const search = fc.check(
    fc.property(policyIntents, fc.array(packetCases, { maxLength: packetsPerPolicy, size: 'max' }), (policy, cases) => {
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
});

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
