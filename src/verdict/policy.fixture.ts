/**
 * Short ways to write a PolicyIntent and a Packet in tests. What is left out is what Calico does with nothing configured.
 */

import type {
  Direction,
  EndpointIntent,
  Failsafe,
  PolicyIntent,
  PolicyRules,
  RuleIntent,
  Stage,
  TierIntent,
} from '../intent/policy/policy-intent.ts';
import { address } from '../net/literals.fixture.ts';
import type { Packet, Passage } from './packet.ts';

export function policyIntent(parts: Partial<PolicyIntent>): PolicyIntent {
  return {
    forwardDefault: 'Allow',
    denyVerdict: 'drop',
    dropsInvalid: true,
    logPrefix: 'calico-packet',
    exemptsNeighborDiscovery: false,
    exemptsLoopback: false,
    failsafes: { inbound: [], outbound: [] },
    endpoints: [],
    policies: new Map(),
    profiles: new Map(),
    addressSets: new Map(),
    portSets: new Map(),
    ...parts,
  };
}

type StageTiers = Partial<Record<Direction, readonly TierIntent[]>>;

export function endpoint(
  name: string,
  interfaces: readonly string[] | '*',
  stages: Partial<Record<Stage, StageTiers>> = {},
  profiles: readonly string[] = [],
): EndpointIntent {
  const tiers = (stage: Stage) => ({ ingress: stages[stage]?.ingress ?? [], egress: stages[stage]?.egress ?? [] });
  return {
    name,
    interfaces,
    profiles,
    tiers: {
      untracked: tiers('untracked'),
      preDNAT: tiers('preDNAT'),
      normal: tiers('normal'),
      forward: tiers('forward'),
    },
  };
}

export function tier(name: string, defaultAction: 'Pass' | 'Deny', ...policies: readonly string[]): TierIntent {
  return { name, defaultAction, policies: policies.map((policy) => `GlobalNetworkPolicy/${policy}`) };
}

/** A rule for any packet of both families, narrowed by what is given. */
export type RuleTerms = Partial<Omit<RuleIntent, 'action' | 'index' | 'path'>>;

export function rules(
  name: string,
  tierName: string,
  by: Partial<Record<Direction, readonly (readonly [RuleIntent['action'], RuleTerms?])[]>>,
): readonly [string, PolicyRules] {
  const list = (direction: Direction): RuleIntent[] =>
    (by[direction] ?? []).map(([action, terms], index) => ({
      families: [4, 6],
      source: {},
      destination: {},
      ...terms,
      action,
      index,
      path: ['spec', direction, index],
    }));
  const id = `GlobalNetworkPolicy/${name}`;
  return [
    id,
    {
      id,
      resource: { apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy', metadata: { name }, spec: {} },
      kind: 'GlobalNetworkPolicy',
      name,
      tier: tierName,
      ingress: list('ingress'),
      egress: list('egress'),
    },
  ];
}

export function profile(
  name: string,
  by: Partial<Record<Direction, readonly (readonly [RuleIntent['action'], RuleTerms?])[]>>,
): readonly [string, PolicyRules] {
  const [, made] = rules(name, '', by);
  return [name, { ...made, id: `Profile/${name}`, kind: 'Profile', tier: null, resource: undefined }];
}

/** `eth0 → eth1`, `eth0 → local`, `local → eth0`. */
export function passage(text: string): Passage {
  const [from = '', to = ''] = text.split(' → ');
  if (to === 'local') return { kind: 'local-in', inbound: from };
  if (from === 'local') return { kind: 'local-out', outbound: to };
  return { kind: 'forward', inbound: from, outbound: to };
}

/** `tcp/443` to a port, `icmp/8/0` with type and code, `47` alone. */
export function packet(
  source: string,
  destination: string,
  what: string,
  more: Partial<Pick<Packet, 'ctState' | 'sourcePort'>> = {},
): Packet {
  const [name, first, second] = what.split('/');
  const numbers: Record<string, number> = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 };
  const protocol = numbers[name ?? ''] ?? Number(name);
  const isIcmp = protocol === 1 || protocol === 58;
  return {
    source: address(source),
    destination: address(destination),
    protocol,
    ctState: 'new',
    ...(first === undefined
      ? {}
      : isIcmp
        ? { icmpType: Number(first), icmpCode: Number(second ?? 0) }
        : { sourcePort: 40000, destinationPort: Number(first) }),
    ...more,
  };
}

/** Calico's defaults (Calico docs, "Configuring Felix": failsafe ports). */
export const calicoFailsafes: PolicyIntent['failsafes'] = {
  inbound: failsafes('6/22 17/68 6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667'),
  outbound: failsafes('17/53 17/67 6/179 6/2379 6/2380 6/5473 6/6443 6/6666 6/6667'),
};

function failsafes(text: string): Failsafe[] {
  return text.split(' ').map((each) => {
    const [protocol, port] = each.split('/');
    return { protocol: Number(protocol), port: Number(port) };
  });
}
