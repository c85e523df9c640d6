/**
 * Endpoint chains, tier chains and profile chains of one place of evaluation.
 *
 *   EndpointIntent[] ─[compileEndpoints]→ Chain[], and which chain each endpoint goes to
 *
 *   endpoint chain ─jump→ tier chain ─goto→ its IPv4 or IPv6 rules ─lookup→ verdict maps
 *
 * Endpoints with equal tiers share a chain, and equal tiers one below that. A shared chain is named after the first of its
 * endpoints and never after its content, so that a change of policy changes the chain in place.
 * Invariant: at most eight chains deep, whatever the number of tiers; the kernel allows sixteen.
 */
import type {
  Direction,
  EndpointIntent,
  PolicyIntent,
  PolicyRules,
  TierIntent,
} from '../intent/policy/policy-intent.ts';
import { type Family, families } from '../net/address.ts';
import { arrangeBlocks, type Block, type OrderedRule } from './blocks.ts';
import { compileBlocks } from './compile-rules.ts';
import type { Draft } from './draft.ts';
import { expandLogPrefix } from './log-prefix.ts';
import { markBits } from './marks.ts';
import { commentText, objectName } from './names.ts';
import type { Match, Rule } from './ruleset.ts';
import { decisionRule, type PlaceRules } from './stages.ts';
import { expandRule, selectorsOf } from './terms.ts';

/** What one place evaluates of an endpoint. */
export interface PlaceView {
  readonly place: PlaceRules;
  readonly direction: Direction;
  readonly tiersOf: (endpoint: EndpointIntent) => readonly TierIntent[];
  readonly hasProfiles: boolean;
  /** Evaluated before the tiers of every endpoint: exemptions and invalid packets. */
  readonly headChain: string | undefined;
}

export interface Compilation {
  readonly policy: PolicyIntent;
  readonly draft: Draft;
  /** Blocks by list of policies, direction and family: most places share theirs. */
  readonly arranged: Map<string, readonly Block[]>;
}

/** The chain of each endpoint that has something to evaluate here. */
export function compileEndpoints(
  compilation: Compilation,
  view: PlaceView,
  endpoints: readonly EndpointIntent[],
): ReadonlyMap<EndpointIntent, string> {
  const shared = new Map<string, string>();
  const tierChains = new Map<string, string>();
  const chains = new Map<EndpointIntent, string>();
  for (const endpoint of endpoints) {
    const tiers = view.tiersOf(endpoint);
    const profiles = view.hasProfiles ? endpoint.profiles : [];
    const key = JSON.stringify([tiers, profiles]);
    let chain = shared.get(key);
    if (chain === undefined) {
      chain = objectName(`${view.place.place}-ep`, endpoint.name, endpoint.name);
      shared.set(key, chain);
      const jumps = tiers.map((tier) => compileTier(compilation, view, endpoint, tier, tierChains));
      const rules = [...endpointRules(view, jumps), ...compileProfiles(compilation, view, profiles)];
      compilation.draft.chains.set(chain, { name: chain, rules });
    }
    chains.set(endpoint, chain);
  }
  return chains;
}

function endpointRules(view: PlaceView, tierChains: readonly string[]): readonly Rule[] {
  const head = view.headChain === undefined ? [] : [jump(view.headChain)];
  const isAccepted: Match = { kind: 'mark', mask: markBits.accept, isSet: true };
  const leave: Rule = { matches: [isAccepted], statements: [], outcome: { kind: 'return' } };
  const tiers = tierChains.flatMap((chain, i) => {
    return view.place.allowReturns && i < tierChains.length - 1 ? [jump(chain), leave] : [jump(chain)];
  });
  return [...head, ...tiers];
}

function jump(chain: string): Rule {
  return { matches: [], statements: [], outcome: { kind: 'jump', chain } };
}

function compileTier(
  compilation: Compilation,
  view: PlaceView,
  endpoint: EndpointIntent,
  tier: TierIntent,
  known: Map<string, string>,
): string {
  const key = JSON.stringify(tier);
  const existing = known.get(key);
  if (existing !== undefined) return existing;
  const { place, direction } = view;
  const chain = objectName(`${place.place}-tier`, tier.name, `${tier.name} ${endpoint.name}`);
  known.set(key, chain);
  const policies = tier.policies.map((id) => requirePolicy(compilation.policy.policies.get(id), id));
  const end: Rule[] = [];
  if (place.hasEndOfTier && tier.defaultAction === 'Deny') {
    end.push(decisionRule(place.deny, [], commentText(`Tier/${tier.name} end of tier`)));
  }
  compilePolicies(compilation, place, chain, direction, policies, end);
  return chain;
}

function requirePolicy(rules: PolicyRules | undefined, id: string): PolicyRules {
  if (!rules) throw new Error(`the intent names policy ${id} but does not hold it`);
  return rules;
}

/** Only the normal stages end here, and they deny what nothing allowed; so does a profile that does not exist. */
function compileProfiles(compilation: Compilation, view: PlaceView, profiles: readonly string[]): readonly Rule[] {
  if (!view.hasProfiles) return [];
  const { place, direction } = view;
  const rules: Rule[] = [];
  for (const name of profiles) {
    const profile = compilation.policy.profiles.get(name);
    if (!profile) {
      return [...rules, decisionRule(place.deny, [], commentText(`Profile/${name} does not exist`))];
    }
    const chain = objectName(`${place.place}-profile`, name, name);
    if (!compilation.draft.chains.has(chain)) {
      compilePolicies(compilation, place, chain, direction, [profile], []);
    }
    rules.push(jump(chain));
  }
  return [...rules, decisionRule(place.deny, [], 'no tier or profile of the endpoint allowed it')];
}

/** The rules of all policies as one list, then `end`; a chain per family unless no rule can tell the families apart. */
function compilePolicies(
  compilation: Compilation,
  place: PlaceRules,
  chain: string,
  direction: Direction,
  policies: readonly PolicyRules[],
  end: readonly Rule[],
): void {
  const { draft } = compilation;
  const compile = (family: Family, name: string): readonly Rule[] => {
    return [...compileBlocks(draft, place, name, blocksOf(compilation, policies, direction, family)), ...end];
  };
  if (policies.every((policy) => policy[direction].every(isFamilyFree))) {
    draft.chains.set(chain, { name: chain, rules: compile(4, chain) });
    return;
  }
  const ipv4Chain = `${chain}-v4`;
  draft.chains.set(ipv4Chain, { name: ipv4Chain, rules: compile(4, ipv4Chain) });
  const toIpv4: Rule = {
    matches: [{ kind: 'family', family: 4 }],
    statements: [],
    outcome: { kind: 'goto', chain: ipv4Chain },
  };
  draft.chains.set(chain, { name: chain, rules: [toIpv4, ...compile(6, chain)] });
}

function blocksOf(
  { policy, arranged }: Compilation,
  policies: readonly PolicyRules[],
  direction: Direction,
  family: Family,
): readonly Block[] {
  const key = JSON.stringify([direction, family, policies.map(({ tier, id }) => [tier === null, id])]);
  const known = arranged.get(key);
  if (known) return known;
  const blocks = arrangeBlocks(
    policies.flatMap((rules) =>
      rules[direction].map((rule): OrderedRule => {
        const logPrefix = rule.action === 'Log' ? expandLogPrefix(policy.logPrefix, rules) : '';
        const origin = `${rules.id} ${direction}[${rule.index}]`;
        return {
          action: rule.action,
          origin,
          logPrefix,
          variants: expandRule(rule, family),
          selectors: selectorsOf(rule),
        };
      }),
    ),
  );
  arranged.set(key, blocks);
  return blocks;
}

/** Whether the rule means the same for IPv4 and IPv6, without a word about addresses. */
function isFamilyFree(rule: PolicyRules['ingress'][number]): boolean {
  if (rule.icmp !== undefined || rule.notIcmp !== undefined || rule.families.length !== families.length) return false;
  return [rule.source, rule.destination].every((side) => {
    const hasAddresses = [side.nets, side.notNets, side.addressSet, side.notAddressSet].some(
      (term) => term !== undefined,
    );
    const portSets = [...(side.ports?.portSets ?? []), ...(side.notPorts?.portSets ?? [])];
    return !hasAddresses && portSets.length === 0;
  });
}
