/**
 * What must hold of every verdict, whatever the policy: a check on the specification's walk that needs no second one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../../src/intent/policy/policy-intent.ts';
import { explainPacket } from '../../src/verdict/explain-packet.ts';
import type { Verdict } from '../../src/verdict/verdict.ts';
import { type PacketCase, packetCases } from './arbitrary-packet.ts';
import { policyIntents } from './arbitrary-policy.ts';

type Law = (answer: Verdict, given: PacketCase, policy: PolicyIntent) => void;

function holds(law: Law, narrow: Partial<PolicyIntent> = {}): void {
  fc.assert(
    fc.property(policyIntents, fc.array(packetCases, { minLength: 20, maxLength: 20 }), (drawn, cases) => {
      const policy = { ...drawn, ...narrow };
      for (const given of cases) {
        law(
          explainPacket(policy, given.passage, given.packet, () => undefined),
          given,
          policy,
        );
      }
    }),
    { seed: 20261125, numRuns: 150 },
  );
}

describe('every verdict', () => {
  it('names a rule that says so, or gives a reason', () => {
    holds(({ verdict, rule, reason, trace }) => {
      expect(reason).not.toBe('');
      const deciding = trace.findLast((step) => step.rule !== null && step.outcome !== 'matched Log');
      if (rule === null) return;
      expect(trace.some((step) => step.rule === rule)).toBe(true);
      if (verdict !== 'accept') expect(deciding?.rule).toBe(rule);
      expect(reason.endsWith(verdict === 'accept' ? ': Allow' : ': Deny')).toBe(true);
    });
  });

  it('for an established packet is accept, unless untracked policy has touched it', () => {
    holds(({ verdict, trace }, { packet }) => {
      const isTouched = trace.some((step) => step.stage.startsWith('untracked') && step.rule !== null);
      if (packet.ctState === 'established' && !isTouched) expect(verdict).toBe('accept');
    });
  });

  it('for a forwarded packet that a Router accepts names the rule that allowed it', () => {
    holds(
      ({ verdict, rule }, { passage, packet }) => {
        if (passage.kind !== 'forward' || packet.ctState === 'established') return;
        if (verdict === 'accept') expect(rule).not.toBeNull();
      },
      { forwardDefault: 'Deny' },
    );
  });

  it("for a Router's own neighbor discovery is accept", () => {
    holds(
      ({ verdict }, { passage, packet }) => {
        const type = packet.icmpType ?? 0;
        const isDiscovery = packet.source.family === 6 && packet.protocol === 58 && type >= 133 && type <= 137;
        if (isDiscovery && passage.kind !== 'forward') expect(verdict).toBe('accept');
      },
      { exemptsNeighborDiscovery: true },
    );
  });

  it('before routing is never a reject', () => {
    holds(
      ({ verdict, stage }) => {
        if (verdict === 'reject') expect(stage).toMatch(/^(normal|forward)-/);
      },
      { denyVerdict: 'reject' },
    );
  });
});

it('is reached in every stage, by rule and by default', () => {
  const reached = new Set<string>();
  holds(({ verdict, stage, rule }) => {
    reached.add(`${stage} ${verdict} ${rule === null ? 'by default' : 'by rule'}`);
  });
  expect([...reached].sort()).toEqual([
    'default accept by default',
    'default drop by default',
    'forward-egress accept by default',
    'forward-egress accept by rule',
    'forward-egress drop by default',
    'forward-egress drop by rule',
    'forward-egress reject by default',
    'forward-egress reject by rule',
    'forward-ingress accept by default',
    'forward-ingress accept by rule',
    'forward-ingress drop by default',
    'forward-ingress drop by rule',
    'forward-ingress reject by default',
    'forward-ingress reject by rule',
    'normal-egress accept by default',
    'normal-egress accept by rule',
    'normal-egress drop by default',
    'normal-egress drop by rule',
    'normal-egress reject by default',
    'normal-egress reject by rule',
    'normal-ingress accept by default',
    'normal-ingress accept by rule',
    'normal-ingress drop by default',
    'normal-ingress drop by rule',
    'normal-ingress reject by default',
    'normal-ingress reject by rule',
    'preDNAT-ingress accept by rule',
    'preDNAT-ingress drop by default',
    'preDNAT-ingress drop by rule',
    'untracked-egress accept by rule',
    'untracked-egress drop by rule',
    'untracked-ingress accept by rule',
    'untracked-ingress drop by rule',
  ]);
});
