import { describe, expect, it } from 'vitest';
import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { prefix } from '../net/literals.fixture.ts';
import { compileRuleset } from '../nftables/compile.ts';
import { explainPacket } from '../verdict/explain-packet.ts';
import type { Packet } from '../verdict/packet.ts';
import { endpoint, packet, passage, policyIntent, profile, rules, tier } from '../verdict/policy.fixture.ts';
import { decidingComment, placesOf } from './explanation.ts';

const inbound = { ingress: [tier('t', 'Deny', 'p')] };
const outbound = { egress: [tier('t', 'Deny', 'p')] };
const tcp = { protocol: 6 };
const all = policyIntent({
  forwardDefault: 'Deny',
  exemptsNeighborDiscovery: true,
  failsafes: {
    inbound: [{ protocol: 50, net: prefix('10.0.0.0/24'), purposes: [{ what: 'ESP', attachment: 'vpn' }] }],
    outbound: [{ protocol: 17, port: 53 }],
  },
  endpoints: [
    endpoint('a', ['eth0'], { untracked: inbound, preDNAT: inbound, normal: inbound, forward: inbound }),
    endpoint('b', ['eth1'], { normal: outbound, forward: outbound }),
    endpoint('c', ['eth2'], {}, ['gone']),
    endpoint('d', ['eth3'], {}, ['open']),
  ],
  policies: new Map([rules('p', 't', { ingress: [['Deny', tcp]], egress: [['Allow', tcp]] })]),
  profiles: new Map([profile('open', { ingress: [['Allow', tcp]] })]),
});
const pass = { ...all, policies: new Map([rules('p', 't', { ingress: [['Pass', tcp]], egress: [['Pass', tcp]] })]) };

const web = packet('10.0.0.2', '10.1.0.9', 'tcp/443');
const esp = packet('10.0.0.2', '10.1.0.9', '50');
const dns = packet('10.0.0.2', '10.1.0.9', 'udp/53');
const udp = packet('10.0.0.2', '10.1.0.9', 'udp/5');

/** Comments of the ruleset's rules and elements, by the name of their chain or map. */
function commentsOf(policy: PolicyIntent): [string, string][] {
  const { chains, maps } = compileRuleset(policy);
  const inChains = [...chains.values()].flatMap(({ name, rules: list }) => list.map((rule) => [name, rule.comment]));
  const inMaps = [...maps.values()].flatMap(({ name, elements }) =>
    [...elements.values()].map(({ comment }) => [name, comment]),
  );
  return [...inChains, ...inMaps].filter((pair): pair is [string, string] => pair[1] !== undefined);
}

describe('what gives a verdict in the kernel', () => {
  it.each<[string, PolicyIntent, string, Packet, string]>([
    ['an untracked rule', all, 'eth0 → eth1', web, 'GlobalNetworkPolicy/p ingress[0]'],
    ['the end of a tier', all, 'eth0 → local', udp, 'Tier/t end of tier'],
    ['the end of a tier in forward', all, 'eth0 → eth1', udp, 'Tier/t end of tier'],
    ['a rule on the way out', all, 'local → eth1', web, 'GlobalNetworkPolicy/p egress[0]'],
    ['a rule of forward egress', all, 'eth2 → eth1', web, 'GlobalNetworkPolicy/p egress[0]'],
    ['a profile', all, 'eth3 → local', web, 'Profile/open ingress[0]'],
    ['a profile that does not exist', all, 'eth2 → local', web, 'Profile/gone does not exist'],
    ['nothing that allowed it', pass, 'eth0 → local', web, 'no tier or profile of the endpoint allowed it'],
    ['a failsafe', all, 'local → eth1', dns, 'failsafe outbound'],
    ['a failsafe of a link', all, 'eth2 → local', esp, 'failsafe inbound: ESP of Attachment vpn'],
    ['conntrack', all, 'eth2 → eth3', { ...web, ctState: 'invalid' }, 'conntrack state invalid'],
    ['neighbor discovery', all, 'eth2 → local', packet('fe80::1', 'fe80::2', 'icmpv6/135/0'), 'neighbor discovery'],
    ['the forwarding default', pass, 'eth0 → eth3', web, 'Router forwarding.defaultAction Deny'],
  ])('%s is a rule or element of its stage with that comment', (_title, policy, way, given, comment) => {
    const verdict = explainPacket(policy, passage(way), given, () => undefined);
    expect(decidingComment(verdict)).toBe(comment);
    const holders = commentsOf(policy).filter(([, each]) => each === comment);
    const prefixes = placesOf(verdict.stage);
    expect(holders.filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)))).not.toEqual([]);
  });

  it.each<[string, string, Packet]>([
    ['an established packet', 'eth0 → eth1', { ...web, ctState: 'established' }],
    ['no endpoint', 'eth9 → local', web],
  ])('%s has no rule of its own', (_title, way, given) => {
    const open = { ...all, endpoints: all.endpoints.slice(1) };
    expect(decidingComment(explainPacket(open, passage(way), given, () => undefined))).toBeUndefined();
  });
});
