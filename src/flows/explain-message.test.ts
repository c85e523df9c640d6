import { describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import type { LogTag } from '../nftables/flow-log.ts';
import { printLogTag } from '../nftables/flow-log.ts';
import { makeFib } from '../verdict/fib.ts';
import { endpoint, policyIntent, rules, tier } from '../verdict/policy.fixture.ts';
import { explainTold, readTold } from './explain-message.ts';
import type { LogMessage } from './nflog-message.ts';
import { ipv4, ipv6, ports } from './wire.fixture.ts';

const tcp80 = ipv4('10.0.0.1', '10.9.0.1', { protocol: 6 }, ...ports(40000, 80));

function explain(policy: PolicyIntent, message: Partial<LogMessage>, fib?: ReturnType<typeof makeFib>) {
  const told = readTold(
    {
      prefix: '',
      hook: 'forward',
      inbound: 0,
      outbound: message.hook === undefined || message.hook === 'forward' ? 1 : undefined,
      packet: tcp80,
      sequence: 0,
      original: undefined,
      ...message,
    },
    (index) => `eth${index}`,
  );
  if (!told) throw new Error('no packet');
  return explainTold({ policy, fib, findOwners: () => [] }, told);
}

function tagged(word: LogTag['word'], place: LogTag['place']) {
  return { prefix: printLogTag({ word, place }) };
}

const web = (by: Parameters<typeof rules>[2]) => rules('web', 'default', by);
const onForward = (policy: readonly [string, ReturnType<typeof rules>[1]], parts: Partial<PolicyIntent> = {}) =>
  policyIntent({
    endpoints: [
      endpoint('left', ['eth0'], {
        forward: { ingress: [tier('default', 'Deny', 'web')] },
        normal: { ingress: [tier('default', 'Deny', 'web')] },
      }),
    ],
    policies: new Map([policy]),
    ...parts,
  });

describe('a denied packet', () => {
  const denying = web({ ingress: [['Log'], ['Deny', { protocol: 6 }]] });

  it('is of the rule that the walk finds in the place the kernel names', () => {
    expect(explain(onForward(denying), tagged('deny', 'forward-in')).record).toMatchObject({
      event: 'denied',
      in: 'eth0',
      out: 'eth1',
      source: { address: '10.0.0.1', port: 40000 },
      protocol: 'tcp',
      stage: 'forward-ingress',
      verdict: 'drop',
      rule: { name: 'web', direction: 'ingress', index: 1 },
      note: null,
      staged: null,
    });
  });

  it('was rejected where the kernel rejects', () => {
    const rejecting = onForward(denying, { denyVerdict: 'reject' });
    expect(explain(rejecting, tagged('deny', 'forward-in')).record).toMatchObject({ verdict: 'reject' });
  });

  it.each([
    [
      'the policy in force accepts it',
      web({ ingress: [['Allow']] }),
      /^the policy in force would accept it: .*web ingress\[0\]/,
    ],
    ['the walk comes to another place', web({}), /^the policy in force would drop it: end of tier/],
  ])('is of no rule where %s', (_, policy, note) => {
    const message = tagged('deny', policy[1].ingress.length > 0 ? 'forward-in' : 'forward-out');
    const { record, walks } = explain(onForward(policy), message);
    expect(record).toMatchObject({ verdict: 'drop', rule: null, note: expect.stringMatching(note), staged: null });
    expect(walks).toBeUndefined();
  });

  it('is told with what staged policy would do', () => {
    const enforced = onForward(denying);
    const staged = { policy: onForward(web({ ingress: [['Allow']] })), changes: [] };
    expect(explain({ ...enforced, staged }, tagged('deny', 'forward-in')).record?.staged).toMatchObject({
      verdict: 'accept',
      rule: { index: 0 },
      differs: true,
    });
  });

  it('that conntrack calls invalid is of no rule, and says so', () => {
    expect(explain(onForward(denying), tagged('invalid', 'forward-in')).record).toMatchObject({
      rule: null,
      reason: 'conntrack state invalid',
      note: null,
    });
  });

  it('by the default of forwarding is of no stage', () => {
    const closed = policyIntent({ forwardDefault: 'Deny' });
    expect(explain(closed, tagged('deny', 'forward-default')).record).toMatchObject({
      stage: 'default',
      verdict: 'drop',
    });
  });

  it('before routing is looked for by the interface it came on alone', () => {
    const policy = policyIntent({
      endpoints: [endpoint('left', ['eth0'], { preDNAT: { ingress: [tier('default', 'Deny', 'web')] } })],
      policies: new Map([denying]),
    });
    expect(explain(policy, { ...tagged('deny', 'prednat'), hook: 'prerouting' }).record).toMatchObject({
      in: 'eth0',
      out: null,
      stage: 'preDNAT-ingress',
      rule: { index: 1 },
      note: null,
    });
  });

  it('that was translated is judged before routing as it was sent, where the kernel tells that', () => {
    const only = web({ ingress: [['Allow', { destination: { nets: [prefix('192.0.2.1/32')] } }], ['Deny']] });
    const policy = policyIntent({
      endpoints: [
        endpoint('left', ['eth0'], { preDNAT: { ingress: [tier('default', 'Deny', 'web')] } }),
        endpoint('right', ['eth1'], { forward: { egress: [tier('default', 'Deny', 'none')] } }),
      ],
      policies: new Map([only, rules('none', 'default', {})]),
    });
    const original = {
      source: { family: 4, bits: 0x0a000001n },
      destination: { family: 4, bits: 0xc0000201n },
      protocol: 6,
      sourcePort: 40000,
      destinationPort: 80,
    } as const;
    const message = tagged('deny', 'forward-out');
    const reason = 'end of tier default: no policy of it decided';
    expect(explain(policy, { ...message, original }).record).toMatchObject({
      stage: 'forward-egress',
      reason,
      note: null,
    });
    const untold = explain(policy, message).record;
    expect(untold).toMatchObject({
      stage: 'forward-egress',
      rule: null,
      note: expect.stringContaining('web ingress[1]'),
    });
  });

  it('without ports says why it has none', () => {
    const packet = ipv6('fd00::1', 'fd01::1', 44, 17, 0, 1, 0, 0, 0, 0, 1);
    expect(explain(onForward(web({})), { ...tagged('deny', 'forward-in'), packet }).record).toMatchObject({
      protocol: 'udp',
      destination: { address: 'fd01::1', port: null },
      note: 'a later fragment: it has no ports',
    });
  });
});

describe('a packet of a Log rule', () => {
  const logging = web({ ingress: [['Log', { protocol: 17 }], ['Log'], ['Log', { protocol: 6 }], ['Allow']] });

  it('is of every Log rule on its way that writes the prefix', () => {
    const { record, messagesOfEach } = explain(onForward(logging), { prefix: 'calico-packet: ' });
    expect(record?.loggedBy.map(({ index }) => index)).toEqual([1, 2]);
    expect(record).toMatchObject({ event: 'logged', verdict: 'accept', rule: { index: 3 }, note: null });
    expect(messagesOfEach).toBe(2);
  });

  it('of a prefix that nobody writes now says so', () => {
    expect(explain(onForward(logging), { prefix: 'old: ' }).record).toMatchObject({
      loggedBy: [],
      note: 'no Log rule of the policy in force has this prefix',
    });
  });

  it('may be for the router itself', () => {
    const { record } = explain(onForward(logging), { prefix: 'calico-packet: ', hook: 'input' });
    expect(record).toMatchObject({ in: 'eth0', out: null, stage: 'normal-ingress' });
  });
});

describe('a sampled packet', () => {
  const enforced = onForward(web({ ingress: [['Allow']] }));
  const withStaged = (action: 'Allow' | 'Deny') => ({
    ...enforced,
    staged: { policy: onForward(web({ ingress: [[action]] })), changes: [] },
  });

  it('is recorded where staged policy would deny it', () => {
    expect(explain(withStaged('Deny'), tagged('sample', 'forward-in')).record).toMatchObject({
      event: 'sampled',
      verdict: 'accept',
      staged: { verdict: 'drop', differs: true },
    });
  });

  it('is counted and no more where staged policy lets it be', () => {
    const { record, walks } = explain(withStaged('Allow'), tagged('sample', 'forward-in'));
    expect(record).toBeUndefined();
    expect(walks?.staged.verdict).toBe('accept');
  });

  it('that is denied further on is left to the message of its denial', () => {
    const denied = { ...withStaged('Allow'), policies: new Map([web({ ingress: [['Deny']] })]) };
    expect(explain(denied, tagged('sample', 'forward-in'))).toMatchObject({ record: undefined, walks: undefined });
  });

  it('before routing goes where the routes say', () => {
    const fib = makeFib([{ prefix: prefix('10.9.0.0/16'), outbound: 'eth1' }], []);
    const { record } = explain(withStaged('Deny'), { ...tagged('sample', 'prednat'), hook: 'prerouting' }, fib);
    expect(record).toMatchObject({ in: 'eth0', out: 'eth1', staged: { stage: 'forward-ingress' } });
  });
});
