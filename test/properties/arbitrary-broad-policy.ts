/**
 * Policies over many selectors, broad ones beside narrow ones, on both sides, for the property tests: so that classes of
 * addresses are many, groups of selectors have to be told apart, and some combinations are too many.
 *
 *   fast-check ─[broadIntents]→ PolicyIntent, ─[broadCases]→ packets between their hosts
 */
import fc from 'fast-check';
import type { AddressSet, PolicyIntent, RuleIntent, SideMatch, Stage } from '../../src/intent/policy/policy-intent.ts';
import { families } from '../../src/net/address.ts';
import { address, prefix } from '../../src/net/literals.fixture.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { endpoint, policyIntent } from '../../src/verdict/policy.fixture.ts';
import type { PacketCase } from './arbitrary-packet.ts';
import { policyId, policyRules } from './arbitrary-policy.ts';
import { emptySide, maybe, present, resolveRule, seldom } from './arbitrary-rule.ts';

const hostCount = 96;
const narrowIds = Array.from({ length: 24 }, (_, i) => `n:${i}`);
const broadIds = Array.from({ length: 7 }, (_, i) => `b:${i}`);
/** Around the hosts, and inside each other. */
const netTexts = ['10.0.0.0/24', '10.0.0.0/26', '10.0.0.32/27', '10.0.0.40/29', '10.0.0.64/31', '2001:db8::/121'];
const netIds = netTexts.map((_, i) => `w:${i}`);

function hostText(index: number): string {
  return index % 8 === 7 ? `2001:db8::${index.toString(16)}/128` : `10.0.0.${index}/32`;
}

/** Evenly spread over the hosts, another way for each set and salt. */
function draw(host: number, set: number, salt: number): number {
  return (Math.imul(host * 31 + set * 7 + salt, 0x9e3779b1) >>> 16) & 0xff;
}

function addressSet(id: string, texts: readonly string[]): readonly [string, AddressSet] {
  return [id, { id, selector: id, members: new Map(texts.map((text): [string, Prefix] => [text, prefix(text)])) }];
}

const addressSets: fc.Arbitrary<ReadonlyMap<string, AddressSet>> = fc
  .record({ salt: fc.nat(1000), hosts: fc.constantFrom(0, 3, 40, hostCount, hostCount), isNested: fc.boolean() })
  .map(({ salt, hosts, isNested }) => {
    const texts = Array.from({ length: hosts }, (_, i) => hostText(i));
    return new Map([
      ...narrowIds.map((id, set) =>
        addressSet(
          id,
          texts.filter((_, host) => host % narrowIds.length === set),
        ),
      ),
      ...broadIds.map((id, set) =>
        addressSet(
          id,
          texts.filter((_, host) => draw(host, set, salt) < 128),
        ),
      ),
      ...netIds.map((id, i) => addressSet(id, isNested ? [netTexts[i] ?? '::/0', hostText(i * 9)] : [])),
    ]);
  });

const narrow = fc.constantFrom(...narrowIds);
const wide = fc.constantFrom(...broadIds, ...netIds);
const mostlyNarrow = fc.oneof({ weight: 4, arbitrary: narrow }, { weight: 1, arbitrary: wide });
const mostlyWide = fc.oneof({ weight: 1, arbitrary: narrow }, { weight: 4, arbitrary: wide });

function rules(actions: readonly RuleIntent['action'][]): fc.Arbitrary<RuleIntent | undefined> {
  return fc
    .record({
      action: fc.constantFrom(...actions),
      ends: fc.oneof(
        fc.record({ source: mostlyNarrow, destination: fc.constant(undefined) }),
        fc.record({ source: mostlyWide, destination: fc.constant(undefined) }),
        fc.record({ source: mostlyNarrow, destination: mostlyNarrow }),
        fc.record({ source: mostlyWide, destination: narrow }),
        fc.record({ source: fc.constant(undefined), destination: mostlyWide }),
      ),
      notAddressSet: seldom(wide),
      net: seldom(fc.constantFrom(...netTexts.slice(0, 3).map(prefix))),
      port: maybe(fc.constantFrom(22, 80, 443)),
    })
    .map(({ action, ends, notAddressSet, net, port }) => {
      const ports = port === undefined ? undefined : { ranges: [{ first: port, last: port }], portSets: [] };
      return resolveRule(action, {
        families,
        protocol: port === undefined ? undefined : 6,
        notProtocol: undefined,
        icmp: undefined,
        notIcmp: undefined,
        source: present<SideMatch>({ ...emptySide, addressSet: ends.source, nets: net && [net] }),
        destination: present<SideMatch>({ ...emptySide, addressSet: ends.destination, notAddressSet, ports }),
      });
    });
}

const actionChoices: readonly (readonly RuleIntent['action'][])[] = [
  ['Allow'],
  ['Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Deny'],
  ['Allow', 'Deny', 'Pass', 'Log'],
];

/** One endpoint, whose two policies stand in two tiers or in one. */
export const broadIntents: fc.Arbitrary<PolicyIntent> = fc
  .record({
    lists: fc
      .constantFrom(...actionChoices)
      .chain((actions) =>
        fc.tuple(...[80, 20].map((most) => fc.array(rules(actions), { maxLength: most, size: 'max' }))),
      ),
    stage: fc.constantFrom<Stage>('preDNAT', 'normal', 'forward', 'forward'),
    isOneTier: fc.boolean(),
    addressSets,
  })
  .map(({ lists, stage, isOneTier, addressSets: sets }) => {
    const [first, second] = lists.map((list) =>
      list.filter((rule) => rule !== undefined).map((rule, index) => ({ ...rule, index })),
    );
    const tiers = isOneTier
      ? [{ name: 'default', defaultAction: 'Deny', policies: [policyId(0), policyId(1)] } as const]
      : [
          { name: 'early', defaultAction: 'Pass', policies: [policyId(0)] } as const,
          { name: 'default', defaultAction: 'Deny', policies: [policyId(1)] } as const,
        ];
    const byDirection = { ingress: tiers, egress: stage === 'preDNAT' ? [] : tiers };
    return policyIntent({
      addressSets: sets,
      forwardDefault: 'Deny',
      endpoints: [endpoint('eth0', ['eth0'], { [stage]: byDirection })],
      policies: new Map(
        [first ?? [], second ?? []].map((list, i) => {
          const tier = isOneTier ? 'default' : (tiers[i]?.name ?? '');
          return [policyId(i), policyRules('GlobalNetworkPolicy', `p${i}`, tier, list, list)];
        }),
      ),
    });
  });

/** Between two of the hosts, or one that has no label. */
export const broadCases: fc.Arbitrary<PacketCase> = fc
  .record({
    source: fc.nat(hostCount + 4),
    destination: fc.nat(hostCount + 4),
    port: fc.constantFrom(22, 80, 443, 1),
    protocol: fc.constantFrom(6, 6, 6, 17),
    passage: fc.constantFrom<PacketCase['passage']>(
      { kind: 'local-in', inbound: 'eth0' },
      { kind: 'local-out', outbound: 'eth0' },
      { kind: 'forward', inbound: 'eth0', outbound: 'eth1' },
      { kind: 'forward', inbound: 'eth1', outbound: 'eth0' },
    ),
  })
  .map(({ source, destination, port, protocol, passage }) => {
    const hostOf = (index: number) => address((hostText(index).split('/')[0] ?? '').toString());
    const from = hostOf(source);
    // Both of one family, as in any packet.
    const to =
      from.family === 6 ? hostOf(destination | 7) : hostOf(destination % 8 === 7 ? destination - 1 : destination);
    const packet = {
      source: from,
      destination: to,
      protocol,
      sourcePort: 1024,
      destinationPort: port,
      ctState: 'new',
    } as const;
    return { passage, packet, portless: 'too short' };
  });
