/**
 * Endpoint chains, tier chains and profile chains of one place of evaluation.
 *
 *   EndpointIntent[] ─[compileEndpoints]→ Chain[], lists of rules still to be compiled, and which chain each endpoint goes to
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
import type { Draft } from './draft.ts';
import { markBits } from './marks.ts';
import { commentText, objectName } from './names.ts';
import type { Match, Rule } from './ruleset.ts';
import type { SharedTiers } from './shared-tiers.ts';
import { decisionRule, type PlaceRules } from './stages.ts';

/** What one place evaluates of an endpoint. */
export interface PlaceView {
  readonly place: PlaceRules;
  readonly direction: Direction;
  readonly tiersOf: (endpoint: EndpointIntent) => readonly TierIntent[];
  readonly hasProfiles: boolean;
  /** Evaluated before the tiers of every endpoint: exemptions and invalid packets. */
  readonly headChain: string | undefined;
}

/** The rules of these policies one after another, to be compiled to a chain of that name. */
export interface ListRequest {
  readonly place: PlaceRules;
  readonly chain: string;
  readonly direction: Direction;
  readonly family: Family;
  /** The same array where it is the same list. */
  readonly policies: readonly PolicyRules[];
  readonly head: readonly Rule[];
  readonly tail: readonly Rule[];
}

export interface Compilation {
  readonly policy: PolicyIntent;
  readonly draft: Draft;
  readonly tiers: SharedTiers;
  /** By chain. */
  readonly lists: Map<string, ListRequest>;
}

/** The chain of each endpoint that has something to evaluate here. */
export function compileEndpoints(
  compilation: Compilation,
  view: PlaceView,
  endpoints: readonly EndpointIntent[],
): ReadonlyMap<EndpointIntent, string> {
  const shared = new Map<string, string>();
  const tierChains = new Map<TierIntent, string>();
  const chains = new Map<EndpointIntent, string>();
  for (const endpoint of endpoints) {
    const tiers = view.tiersOf(endpoint).map((tier) => compilation.tiers.share(tier));
    const profiles = view.hasProfiles ? endpoint.profiles : [];
    const key = JSON.stringify([tiers.map(({ number }) => number), profiles]);
    let chain = shared.get(key);
    if (chain === undefined) {
      chain = objectName(`${view.place.place}-ep`, endpoint.name, endpoint.name);
      shared.set(key, chain);
      const jumps = tiers.map(({ tier, policies }) => {
        let tierChain = tierChains.get(tier);
        if (tierChain === undefined) {
          tierChain = compileTier(compilation, view, endpoint, tier, policies);
          tierChains.set(tier, tierChain);
        }
        return tierChain;
      });
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
  { place, direction }: PlaceView,
  endpoint: EndpointIntent,
  tier: TierIntent,
  policies: readonly PolicyRules[],
): string {
  const chain = objectName(`${place.place}-tier`, tier.name, `${tier.name} ${endpoint.name}`);
  const end: Rule[] = [];
  if (place.hasEndOfTier && tier.defaultAction === 'Deny') {
    end.push(decisionRule(place.deny, [], commentText(`Tier/${tier.name} end of tier`)));
  }
  compilePolicies(compilation, place, chain, direction, policies, end);
  return chain;
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
    if (!compilation.lists.has(chain)) {
      compilePolicies(compilation, place, chain, direction, compilation.tiers.shareProfile(profile), []);
    }
    rules.push(jump(chain));
  }
  return [...rules, decisionRule(place.deny, [], 'no tier or profile of the endpoint allowed it')];
}

/** The rules of all policies as one list, then `end`; a chain per family unless no rule can tell the families apart. */
function compilePolicies(
  { lists }: Compilation,
  place: PlaceRules,
  chain: string,
  direction: Direction,
  policies: readonly PolicyRules[],
  end: readonly Rule[],
): void {
  const request = { place, direction, policies, head: [], tail: end };
  if (policies.every((policy) => policy[direction].every(isFamilyFree))) {
    lists.set(chain, { ...request, chain, family: 4 });
    return;
  }
  const ipv4Chain = `${chain}-v4`;
  lists.set(ipv4Chain, { ...request, chain: ipv4Chain, family: 4 });
  const toIpv4: Rule = {
    matches: [{ kind: 'family', family: 4 }],
    statements: [],
    outcome: { kind: 'goto', chain: ipv4Chain },
  };
  lists.set(chain, { ...request, chain, family: 6, head: [toIpv4] });
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
