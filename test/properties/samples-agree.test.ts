/**
 * Telling of packets for staged policy changes no verdict: for random policies, endpoints, stages and packets. And it comes and
 * goes with staged policy, in a compiler that lives on as in a new one.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StagedPoint } from '../../src/intent/policy/policy-intent.ts';
import { compileRuleset } from '../../src/nftables/compile.ts';
import { parseLogTag } from '../../src/nftables/flow-log.ts';
import { printRuleset } from '../../src/nftables/print.ts';
import type { Ruleset } from '../../src/nftables/ruleset.ts';
import { RulesetCompiler } from '../../src/nftables/ruleset-compiler.ts';
import { packetCases } from './arbitrary-packet.ts';
import { policyIntents } from './arbitrary-policy.ts';
import { checkRuleset } from './check-ruleset.ts';
import { interpretRuleset } from './nft-interpreter.ts';

const numRuns = Number(process.env['CAUSEWAY_PROPERTY_RUNS'] ?? 150);
const seed = Number(process.env['CAUSEWAY_PROPERTY_SEED'] ?? 20261125);

const everywhere: readonly StagedPoint[] = (['untracked', 'preDNAT', 'normal', 'forward'] as const).flatMap((stage) =>
  (['ingress', 'egress'] as const).map((direction) => ({ stage, direction })),
);

function samplesIn(ruleset: Ruleset): number {
  const statements = [...ruleset.chains.values()].flatMap(({ rules }) => rules.flatMap((rule) => rule.statements));
  return statements.filter((each) => each.kind === 'log' && parseLogTag(each.prefix)?.word === 'sample').length;
}

it(
  'a sample changes no verdict',
  () => {
    let sampled = 0;
    fc.assert(
      fc.property(
        policyIntents,
        fc.subarray([...everywhere], { minLength: 1 }),
        fc.array(packetCases, { minLength: 1, maxLength: 40, size: 'max' }),
        (policy, stagedIn, cases) => {
          const plain = compileRuleset(policy);
          const endpoints = policy.endpoints.map((endpoint, i) => (i % 2 === 0 ? { ...endpoint, stagedIn } : endpoint));
          const staging = { ...policy, endpoints };
          const sampling = compileRuleset(staging);
          const compiler = new RulesetCompiler();
          const texts = [policy, staging, policy].map((each) => printRuleset(compiler.update(each)));
          expect(texts).toEqual([plain, sampling, plain].map(printRuleset));
          expect(checkRuleset(sampling)).toEqual([]);
          expect(samplesIn(plain)).toBe(0);
          sampled += samplesIn(sampling);
          for (const { passage, packet, portless } of cases) {
            const verdict = (ruleset: Ruleset) => interpretRuleset(ruleset, passage, packet, portless).verdict;
            expect(verdict(sampling)).toBe(verdict(plain));
          }
        },
      ),
      { seed, numRuns },
    );
    expect(sampled).toBeGreaterThan(numRuns);
  },
  30_000 + numRuns * 100,
);
