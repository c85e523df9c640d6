import { describe, expect, it } from 'vitest';
import { address, prefix } from '../../net/literals.fixture.ts';
import { makeFib } from '../../verdict/fib.ts';
import { endpoint, policyIntent, rules, tier } from '../../verdict/policy.fixture.ts';
import { type FlowJudgement, judgeFlow } from './denied-flows.ts';
import type { FlowTuple, TrackedFlow } from './tracked-flow.ts';

const port = (number: number) => ({
  protocol: 6,
  destination: { ports: { ranges: [{ first: number, last: number }], portSets: [] } },
});
const policies = new Map([
  rules('web', 'default', { ingress: [['Allow', port(80)]] }),
  rules('sent-to-8080', 'default', { ingress: [['Allow', port(8080)]] }),
  rules('none', 'default', { ingress: [['Deny']] }),
]);
const ingress = (...names: string[]) => ({ ingress: [tier('default', 'Deny', ...names)] });
const policy = policyIntent({
  policies,
  endpoints: [
    endpoint('west', ['west'], { forward: ingress('web'), normal: ingress('web') }),
    endpoint('north', ['north'], { preDNAT: ingress('sent-to-8080'), forward: ingress('none') }),
    endpoint('raw', ['raw'], { untracked: ingress('none') }),
  ],
});
const fib = makeFib(
  [
    'west 10.1.0.0/16',
    'east 10.2.0.0/16',
    'north 10.3.0.0/16',
    'raw 10.4.0.0/16',
    'west fd01::/64',
    'east fd02::/64',
  ].map((line) => {
    const [outbound = '', text = ''] = line.split(' ');
    return { prefix: prefix(text), outbound };
  }),
  [address('10.1.0.1')],
);

/** `10.1.0.5 > 10.2.0.9:80`, and `=10.2.0.7:8080` behind it where NAT changed the destination. */
function flow(text: string): TrackedFlow {
  const [, from = '', to = '', toPort = '', natTo, natPort] =
    /^(\S+) > (\S+)\s(\d+)(?: = (\S+)\s(\d+))?$/.exec(text) ?? [];
  const original: FlowTuple = {
    source: address(from),
    destination: address(to),
    protocol: 6,
    sourcePort: 40000,
    destinationPort: Number(toPort),
  };
  const reply: FlowTuple = {
    source: address(natTo ?? to),
    destination: address(from),
    protocol: 6,
    sourcePort: Number(natPort ?? toPort),
    destinationPort: 40000,
  };
  return { original, reply, hasReply: true, wire: { tuple: new Uint8Array(), zone: 0, id: 1 } };
}

function told(judgement: FlowJudgement): string {
  if (judgement.kind === 'denied') return `denied in ${judgement.verdict.stage}`;
  return judgement.kind === 'unknown' ? judgement.reason : judgement.kind;
}

describe('an established flow, if it began now', () => {
  it.each([
    ['10.1.0.5 > 10.2.0.9 80', 'allowed'],
    ['10.1.0.5 > 10.2.0.9 443', 'denied in forward-ingress'],
    ['fd01::5 > fd02::9 80', 'allowed'],
    ['fd01::5 > fd02::9 443', 'denied in forward-ingress'],
    ['10.2.0.9 > 10.1.0.5 443', 'allowed'],
    ['10.1.0.5 > 10.1.0.1 443', 'denied in normal-ingress'],
    ['10.1.0.1 > 10.2.0.9 443', 'allowed'],
    ['10.9.0.5 > 10.2.0.9 443', 'no IPv4 route back to an end of it'],
    ['10.1.0.5 > 10.9.0.9 443', 'no IPv4 route to an end of it'],
    ['fe80::5 > fd02::9 443', 'an IPv6 flow of one link: it names no interface'],
    ['10.4.0.5 > 10.2.0.9 443', 'allowed'],
    ['10.3.0.5 > 10.2.0.1 8080 = 10.2.0.9 443', 'allowed'],
    ['10.3.0.5 > 10.2.0.1 8081 = 10.2.0.9 8080', 'denied in forward-ingress'],
  ])('%s: %s', (text, expected) => {
    expect(told(judgeFlow(policy, fib, flow(text)))).toBe(expected);
  });
});
