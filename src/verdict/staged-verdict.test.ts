import { describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { endpoint, packet, passage, policyIntent, rules, tier } from './policy.fixture.ts';
import { compareStaged, walkStaged } from './staged-verdict.ts';

const forwardRules = (by: Parameters<typeof rules>[2]): PolicyIntent =>
  policyIntent({
    endpoints: [endpoint('h1', ['eth0'], { forward: { ingress: [tier('default', 'Deny', 'web')] } })],
    policies: new Map([rules('web', 'default', by)]),
  });

const [allowing, denying] = [forwardRules({ ingress: [['Allow']] }), forwardRules({ ingress: [['Deny']] })];
const [way, first] = [passage('eth0 → eth1'), packet('10.0.0.1', '10.9.0.1', 'tcp/80')];

describe('what staged policy would do', () => {
  it.each([
    ['deny what passes', allowing, denying, { verdict: 'drop', differs: true }],
    ['let pass what is denied', denying, allowing, { verdict: 'accept', differs: true }],
    ['the same', allowing, allowing, { verdict: 'accept', differs: false }],
    [
      'the same by rejecting',
      denying,
      { ...denying, denyVerdict: 'reject' } as const,
      { verdict: 'reject', differs: false },
    ],
  ])('%s', (_, enforced, wouldBe, expected) => {
    const policy = { ...enforced, staged: { policy: wouldBe, changes: [] } };
    const walk = walkStaged(policy, way, first);
    const verdict = enforced === allowing ? 'accept' : 'drop';
    expect(walk && compareStaged(walk, { verdict })).toMatchObject({ ...expected, stage: 'forward-ingress' });
  });

  it('is nothing where no staged policy concerns the router', () => {
    expect(walkStaged(allowing, way, first)).toBeUndefined();
  });
});
