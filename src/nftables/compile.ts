/**
 * Policy as an nftables ruleset.
 *
 *   PolicyIntent ─[compileRuleset]→ Ruleset ─[print]→ nft text
 *
 *   raw prerouting     untracked ingress      (only if some endpoint has untracked policy)
 *   mangle prerouting  preDNAT ingress        (only if some endpoint has preDNAT policy)
 *   filter input       normal ingress
 *   filter forward     forward ingress of the inbound interface, then forward egress of the outbound one
 *   raw output         untracked egress
 *   filter output      normal egress
 *   mangle postrouting normal egress of local flows whose destination conntrack changed
 *
 * Invariant: the verdict of every packet is the one that `verdict/` explains (semantics §4); equal intents give equal
 * rulesets.
 */
import type { Direction, EndpointIntent, PolicyIntent, Stage, TierIntent } from '../intent/policy/policy-intent.ts';
import { baseChains, type Places } from './base-chains.ts';
import { type Compilation, compileEndpoints, type PlaceView } from './compile-tiers.ts';
import type { Draft } from './draft.ts';
import { compileFailsafes } from './failsafe-rules.ts';
import type { Chain, NftSet, Rule, Ruleset, VerdictMap } from './ruleset.ts';
import { addSamples } from './sample-chains.ts';
import { compileAddressSet, compilePortSet } from './selector-sets.ts';
import { decisionRule, denyChains, type Place, placeRules } from './stages.ts';

export function compileRuleset(policy: PolicyIntent): Ruleset {
  const sets = new Map<string, NftSet>();
  const chains = new Map<string, Chain>();
  const maps = new Map<string, VerdictMap>();
  const draft: Draft = {
    chains,
    maps,
    logRate: policy.logRate,
    addressSets: policy.addressSets,
    dispatches: new Map(),
    plans: new Map(),
  };
  const compilation: Compilation = { policy, draft, arranged: new Map() };
  const places: Places = {
    untrackedIn: compilePlace(compilation, sets, 'untracked-in'),
    untrackedOut: compilePlace(compilation, sets, 'untracked-out'),
    prednat: compilePlace(compilation, sets, 'prednat'),
    localIn: compilePlace(compilation, sets, 'local-in'),
    localOut: compilePlace(compilation, sets, 'local-out'),
    localDnat: compilePlace(compilation, sets, 'local-dnat'),
    forwardIn: compilePlace(compilation, sets, 'forward-in'),
    forwardOut: compilePlace(compilation, sets, 'forward-out'),
  };
  for (const chain of baseChains(policy, compilation.draft, places)) chains.set(chain.name, chain);
  const asked = setsAsked(chains.values());
  for (const set of policy.addressSets.values()) {
    for (const nftSet of compileAddressSet(set, asked)) sets.set(nftSet.name, nftSet);
  }
  for (const set of policy.portSets.values()) {
    for (const nftSet of compilePortSet(set)) if (asked.has(nftSet.name)) sets.set(nftSet.name, nftSet);
  }
  const dispatches = sortByName(draft.dispatches);
  return { sets: sortByName(sets), maps: sortByName(maps), classes: new Map(), chains: sortByName(chains), dispatches };
}

/** A set that no rule looks in is not there. */
function setsAsked(chains: Iterable<Chain>): ReadonlySet<string> {
  const asked = new Set<string>();
  for (const { rules } of chains) {
    for (const { matches } of rules) {
      for (const match of matches) {
        if (match.kind === 'tuple') asked.add(match.set);
        if (match.kind === 'address' && 'set' in match.in) asked.add(match.in.set);
      }
    }
  }
  return asked;
}

function sortByName<T>(objects: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...objects].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** The endpoint chains of a place: only for endpoints that something happens to there. */
function compilePlace(
  compilation: Compilation,
  sets: Map<string, NftSet>,
  place: Place,
): ReadonlyMap<EndpointIntent, string> {
  const enforced = compileEnforced(compilation, sets, place);
  return addSamples(compilation.draft, compilation.policy, { place, ...stageOf(place) }, enforced);
}

function compileEnforced(
  compilation: Compilation,
  sets: Map<string, NftSet>,
  place: Place,
): ReadonlyMap<EndpointIntent, string> {
  const { policy, draft } = compilation;
  const { stage, direction } = stageOf(place);
  const rules = placeRules(place);
  const tiersOf = (endpoint: EndpointIntent): readonly TierIntent[] => endpoint.tiers[stage][direction];
  const isAlways = stage === 'normal' || (stage === 'forward' && policy.dropsInvalid);
  const endpoints = policy.endpoints.filter((endpoint) => isAlways || tiersOf(endpoint).length > 0);
  if (endpoints.length === 0) return new Map();
  for (const chain of denyChains(place, policy.denyVerdict)) draft.chains.set(chain.name, chain);
  const head = headRules(policy, sets, place);
  const headChain = head.length === 0 ? undefined : `${place}-head`;
  if (headChain !== undefined) draft.chains.set(headChain, { name: headChain, rules: head });
  const view: PlaceView = { place: rules, direction, tiersOf, hasProfiles: stage === 'normal', headChain };
  return compileEndpoints(compilation, view, endpoints);
}

function stageOf(place: Place): { readonly stage: Stage; readonly direction: Direction } {
  switch (place) {
    case 'untracked-in':
      return { stage: 'untracked', direction: 'ingress' };
    case 'untracked-out':
      return { stage: 'untracked', direction: 'egress' };
    case 'prednat':
      return { stage: 'preDNAT', direction: 'ingress' };
    case 'local-in':
      return { stage: 'normal', direction: 'ingress' };
    case 'local-out':
    case 'local-dnat':
      return { stage: 'normal', direction: 'egress' };
    case 'forward-in':
      return { stage: 'forward', direction: 'ingress' };
    case 'forward-out':
      return { stage: 'forward', direction: 'egress' };
  }
}

/** What comes before the tiers (semantics §4.7): neighbour discovery, invalid packets, failsafes. */
function headRules(policy: PolicyIntent, sets: Map<string, NftSet>, place: Place): readonly Rule[] {
  const { stage, direction } = stageOf(place);
  const rules: Rule[] = [];
  if (policy.exemptsNeighborDiscovery && stage !== 'forward') rules.push(neighborDiscovery);
  if (policy.dropsInvalid && stage !== 'untracked') {
    const { invalid } = placeRules(place);
    rules.push(decisionRule(invalid, [{ kind: 'ct-state', states: ['invalid'] }], 'conntrack state invalid'));
  }
  if (stage === 'forward') return rules;
  const { inbound, outbound } = policy.failsafes;
  const isIngress = direction === 'ingress';
  const remote = isIngress ? 'source' : 'destination';
  const interfaceSide = isIngress ? 'in' : 'out';
  const asked = { list: isIngress ? 'inbound' : 'outbound', remote, port: 'destination', interfaceSide } as const;
  rules.push(...compileFailsafes(sets, asked, isIngress ? inbound : outbound));
  if (stage === 'untracked') {
    // Replies to failsafe traffic must stay tracked, so the other list applies by source port.
    const replies = { list: isIngress ? 'outbound' : 'inbound', remote, port: 'source', interfaceSide } as const;
    rules.push(...compileFailsafes(sets, replies, isIngress ? outbound : inbound));
  }
  return rules;
}

/** RFC 4861: router and neighbour solicitation and advertisement, redirect. */
const neighborDiscovery: Rule = {
  matches: [{ kind: 'icmp', family: 6, field: 'type', negated: false, first: 133, last: 137 }],
  statements: [{ kind: 'counter' }],
  outcome: { kind: 'accept' },
  comment: 'neighbor discovery',
};
