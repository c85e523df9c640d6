/**
 * Policy as it stands on a router: endpoints, what applies to them in order, and how often each rule decided.
 *
 *   RouterIntent, counters ─[policyView]→ PolicyView
 *
 * Invariant: policies stand in their order of evaluation, which is one for all endpoints; a rule without a counter is one that
 * the kernel does not hold by itself.
 */
import type { Direction, EndpointIntent, PolicyIntent, PolicyRules, Stage } from '../intent/policy/policy-intent.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import { commentText } from '../nftables/names.ts';
import type { PacketCount } from '../nftables/read-counters.ts';
import { printTerms } from '../verdict/print-terms.ts';
import { type FailsafeView, failsafesView } from './failsafes-view.ts';

export interface PolicyView {
  readonly forwardDefault: 'Allow' | 'Deny';
  /** What comes before all policies of an endpoint. */
  readonly failsafes: readonly FailsafeView[];
  readonly endpoints: readonly {
    readonly name: string;
    readonly interfaces: readonly string[] | '*';
    readonly profiles: readonly string[];
    /** In evaluation order. */
    readonly policies: readonly {
      readonly stage: Stage;
      readonly direction: Direction;
      readonly tier: string;
      /** What the end of the tier does to packets that no policy in it decided. */
      readonly endOfTier: 'Pass' | 'Deny' | 'none';
      readonly policy: string;
    }[];
  }[];
  /** Tier by tier, policy by policy, in evaluation order; profiles last. */
  readonly rules: readonly RuleView[];
  /** What decides without a policy's rule: ends of tiers, failsafes, invalid packets, the forwarding default … */
  readonly defaults: readonly { readonly name: string; readonly counter: PacketCount }[];
}

export interface RuleView {
  /** `Kind/name ingress[0]`, as the kernel's rule comments have it. */
  readonly rule: string;
  /** Null for a profile's. */
  readonly tier: string | null;
  /** `Kind/name`. */
  readonly policy: string;
  readonly direction: Direction;
  readonly index: number;
  readonly action: string;
  /** What a packet must be, in words; `any` for every packet. */
  readonly match: string;
  /** Null where the kernel has no counter of its own for the rule: rules before it leave it nothing. */
  readonly counter: PacketCount | null;
}

const stages: readonly Stage[] = ['untracked', 'preDNAT', 'normal', 'forward'];
const directions = ['ingress', 'egress'] as const;

export function policyView(intent: RouterIntent, counters: ReadonlyMap<string, PacketCount>): PolicyView {
  const { policy } = intent;
  const ids = new Set([...evaluationOrder(policy.endpoints), ...policy.policies.keys()]);
  const ordered = [...ids].flatMap((id) => policy.policies.get(id) ?? []);
  const rules = [...ordered, ...policy.profiles.values()].flatMap((each) => rulesOf(policy, each, counters));
  const named = new Set(rules.map(({ rule }) => commentText(rule)));
  return {
    forwardDefault: policy.forwardDefault,
    failsafes: failsafesView(policy.failsafes),
    endpoints: policy.endpoints.map((endpoint) => ({
      name: endpoint.name,
      interfaces: endpoint.interfaces,
      profiles: endpoint.profiles,
      policies: policiesOf(endpoint),
    })),
    rules,
    defaults: [...counters]
      .filter(([name]) => !named.has(name))
      .map(([name, counter]) => ({ name, counter }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function policiesOf(endpoint: EndpointIntent): PolicyView['endpoints'][number]['policies'] {
  return stages.flatMap((stage) =>
    directions.flatMap((direction) =>
      endpoint.tiers[stage][direction].flatMap((tier) =>
        tier.policies.map((policy) => ({
          stage,
          direction,
          tier: tier.name,
          endOfTier: stage === 'untracked' || stage === 'preDNAT' ? 'none' : tier.defaultAction,
          policy,
        })),
      ),
    ),
  );
}

function rulesOf(policy: PolicyIntent, rules: PolicyRules, counters: ReadonlyMap<string, PacketCount>): RuleView[] {
  return directions.flatMap((direction) =>
    rules[direction].map((rule) => {
      const name = `${rules.id} ${direction}[${rule.index}]`;
      return {
        rule: name,
        tier: rules.tier,
        policy: rules.id,
        direction,
        index: rule.index,
        action: rule.action,
        match: printTerms(policy, rule),
        counter: counters.get(commentText(name)) ?? null,
      };
    }),
  );
}

/** Tiers have one order for all endpoints, and so have the policies of a tier. */
function evaluationOrder(endpoints: readonly EndpointIntent[]): readonly string[] {
  const lists = endpoints.flatMap((endpoint) =>
    stages.flatMap((stage) => directions.map((direction) => endpoint.tiers[stage][direction])),
  );
  const tiers = mergeOrders(lists.map((list) => list.map(({ name }) => name)));
  return tiers.flatMap((name) =>
    mergeOrders(lists.map((list) => list.find((tier) => tier.name === name)?.policies ?? [])),
  );
}

/** The order that each list is a part of; where no list tells which of two comes first, the names do. */
function mergeOrders(lists: readonly (readonly string[])[]): readonly string[] {
  const followers = new Map<string, Set<string>>();
  const waiting = new Map<string, number>();
  for (const list of lists) {
    for (const [i, id] of list.entries()) {
      if (!followers.has(id)) followers.set(id, new Set());
      if (!waiting.has(id)) waiting.set(id, 0);
      const before = list[i - 1];
      const known = before === undefined ? undefined : followers.get(before);
      if (!known || known.has(id)) continue;
      known.add(id);
      waiting.set(id, (waiting.get(id) ?? 0) + 1);
    }
  }
  const order: string[] = [];
  // The last one is next.
  const ready = [...waiting]
    .flatMap(([id, count]) => (count === 0 ? [id] : []))
    .sort()
    .reverse();
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    order.push(id);
    const freed: string[] = [];
    for (const next of followers.get(id) ?? []) {
      const left = (waiting.get(next) ?? 0) - 1;
      waiting.set(next, left);
      if (left === 0) freed.push(next);
    }
    ready.push(...freed.sort().reverse());
  }
  return order;
}
