/**
 * Policy as it stands on a router: endpoints, what applies to them in order, and how often each rule decided.
 *
 *   RouterIntent, counters ─[policyView]→ PolicyView
 */
import type { EndpointIntent, PolicyRules, Stage } from '../intent/policy/policy-intent.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { PacketCount } from '../nftables/read-counters.ts';

export interface PolicyView {
  readonly forwardDefault: 'Allow' | 'Deny';
  readonly endpoints: readonly {
    readonly name: string;
    readonly interfaces: readonly string[] | '*';
    readonly profiles: readonly string[];
    /** In evaluation order. */
    readonly policies: readonly {
      readonly stage: Stage;
      readonly direction: 'ingress' | 'egress';
      readonly tier: string;
      readonly policy: string;
    }[];
  }[];
  readonly rules: readonly {
    /** `Kind/name ingress[0]`, as the kernel's rule comments have it. */
    readonly rule: string;
    readonly tier: string | null;
    readonly action: string;
    /** Null where the kernel has no counter of its own for the rule. */
    readonly counter: PacketCount | null;
  }[];
}

const stages: readonly Stage[] = ['untracked', 'preDNAT', 'normal', 'forward'];
const directions = ['ingress', 'egress'] as const;

export function policyView(intent: RouterIntent, counters: ReadonlyMap<string, PacketCount>): PolicyView {
  const { policy } = intent;
  return {
    forwardDefault: policy.forwardDefault,
    endpoints: policy.endpoints.map((endpoint) => ({
      name: endpoint.name,
      interfaces: endpoint.interfaces,
      profiles: endpoint.profiles,
      policies: policiesOf(endpoint),
    })),
    rules: [...policy.policies.values(), ...policy.profiles.values()].flatMap((rules) => rulesOf(rules, counters)),
  };
}

function policiesOf(endpoint: EndpointIntent): PolicyView['endpoints'][number]['policies'] {
  return stages.flatMap((stage) =>
    directions.flatMap((direction) =>
      endpoint.tiers[stage][direction].flatMap((tier) =>
        tier.policies.map((policy) => ({ stage, direction, tier: tier.name, policy })),
      ),
    ),
  );
}

function rulesOf(rules: PolicyRules, counters: ReadonlyMap<string, PacketCount>): PolicyView['rules'] {
  return directions.flatMap((direction) =>
    rules[direction].map((rule) => {
      const name = `${rules.id} ${direction}[${rule.index}]`;
      return { rule: name, tier: rules.tier, action: rule.action, counter: counters.get(name) ?? null };
    }),
  );
}
