import { expect, it } from 'vitest';
import type { Failsafe, FailsafePurpose } from '../intent/policy/policy-intent.ts';
import { address, prefix } from '../net/literals.fixture.ts';
import { hostPrefix } from '../net/prefix.ts';
import { compileFailsafes, type FailsafeLookup } from './failsafe-rules.ts';
import { mapElementTexts } from './print.ts';
import { printRule } from './print-rule.ts';
import type { VerdictMap } from './ruleset.ts';

const inbound = {
  place: 'local-in',
  list: 'inbound',
  lets: 'requests',
  remote: 'source',
  interfaceSide: 'in',
} as const;
const outbound = {
  place: 'untracked-out',
  list: 'outbound',
  lets: 'requests',
  remote: 'destination',
  interfaceSide: 'out',
} as const;
/** What comes back to what went out. */
const answers = { ...outbound, place: 'untracked-in', lets: 'replies', remote: 'source', interfaceSide: 'in' } as const;

/** Rules and elements without the hashes in their names. */
function compiled(lookup: FailsafeLookup, ...failsafes: Failsafe[]): { rules: string[]; elements: string[] } {
  const maps = new Map<string, VerdictMap>();
  const rules = compileFailsafes(maps, lookup, failsafes);
  return {
    rules: rules.map((rule) => printRule(rule).replace(/-[a-z2-7]{10}\b/g, '')),
    elements: [...maps.values()].flatMap(mapElementTexts),
  };
}

const of = (what: FailsafePurpose['what'], attachment: string) => ({ purposes: [{ what, attachment }] });
const esp = (net: string, attachment: string): Failsafe => ({
  protocol: 50,
  net: prefix(net),
  ...of('ESP', attachment),
});

it.each<[string, FailsafeLookup, Failsafe, string, string]>([
  [
    'a port',
    inbound,
    { protocol: 6, port: 22, purposes: [{ what: 'ssh' }] },
    'meta l4proto . th dport vmap @local-in-failsafes-inbound-port',
    '6 . 22 counter comment "failsafe inbound: ssh" : accept',
  ],
  [
    'a protocol from one address',
    inbound,
    esp('192.0.2.1/32', 'vpn'),
    'ip saddr . meta l4proto vmap @local-in-failsafes-inbound-v4',
    '192.0.2.1/32 . 50 counter comment "failsafe inbound: ESP of Attachment vpn" : accept',
  ],
  [
    'a protocol from one address on one interface',
    inbound,
    { ...esp('2001:db8::1/128', 'vpn'), interfaces: ['dx.101'] },
    'iifname . ip6 saddr . meta l4proto vmap @local-in-failsafes-inbound-v6-interface',
    '"dx.101" . 2001:db8::1/128 . 50 counter comment "failsafe inbound: ESP of Attachment vpn" : accept',
  ],
  [
    'echo requests',
    outbound,
    { protocol: 1, icmp: 'echo', net: prefix('192.0.2.1/32'), interfaces: ['vpn-1'], ...of('doctor', 'vpn') },
    'icmp type 8 icmp code 0 oifname . ip daddr . meta l4proto vmap @untracked-out-failsafes-outbound-v4-interface-echo4',
    '"vpn-1" . 192.0.2.1/32 . 1 counter comment "failsafe outbound: doctor of Attachment vpn" : accept',
  ],
  [
    'echo requests to anybody, and no other ICMP',
    outbound,
    { protocol: 58, icmp: 'echo' },
    'icmpv6 type 128 icmpv6 code 0 meta l4proto vmap @untracked-out-failsafes-outbound-echo6',
    '58 counter comment "failsafe outbound" : accept',
  ],
  [
    'what answers echo requests',
    answers,
    { protocol: 58, icmp: 'echo', net: prefix('2001:db8::1/128'), ...of('doctor', 'vpn') },
    'icmpv6 type 129 icmpv6 code 0 ip6 saddr . meta l4proto vmap @untracked-in-failsafes-outbound-replies-v6-echo6',
    '2001:db8::1/128 . 58 counter comment "failsafe outbound: doctor of Attachment vpn" : accept',
  ],
])('%s is looked up by what it says, and named', (_what, lookup, failsafe, rule, element) => {
  expect(compiled(lookup, failsafe)).toEqual({ rules: [rule], elements: [element] });
});

it('names all who ask for the same, also where one’s net is in that of another', () => {
  const { elements } = compiled(inbound, esp('192.0.2.1/32', 'b'), esp('192.0.2.0/24', 'c'), esp('192.0.2.1/32', 'a'));
  expect(elements).toEqual([
    '192.0.2.0/24 . 50 counter comment "failsafe inbound: ESP of Attachment a, b, c" : accept',
  ]);
});

it('needs as many rules for two hundred tunnels as for one, each on its own interface', () => {
  const tunnels = (count: number): Failsafe[] =>
    Array.from({ length: count }, (_, i): Failsafe[] => {
      const where = { net: hostPrefix(address(`198.51.100.${i}`)), interfaces: [`vpn-${i}`] };
      return [
        { protocol: 50, ...where, ...of('ESP', `vpn-${i}`) },
        { protocol: 17, port: 4500, ...where, ...of('IKE', `vpn-${i}`) },
        { protocol: 1, icmp: 'echo', ...where, ...of('doctor', `vpn-${i}`) },
      ];
    }).flat();
  expect(compiled(inbound, ...tunnels(200)).rules).toEqual(compiled(inbound, ...tunnels(1)).rules);
  expect(compiled(inbound, ...tunnels(200)).elements).toHaveLength(600);
});
