/**
 * Everything of a ruleset but the rules of policies: base chains, interface maps, endpoint chains, failsafes.
 *
 *   PolicyIntent ─[compileFrame]→ chains and maps, and the lists of rules that they lead to
 *
 *   raw prerouting     untracked ingress      (only if some endpoint has untracked policy)
 *   mangle prerouting  preDNAT ingress        (only if some endpoint has preDNAT policy)
 *   filter input       normal ingress
 *   filter forward     forward ingress of the inbound interface, then forward egress of the outbound one
 *   mangle forward     TCP segment sizes      (only if some link clamps them)
 *   raw output         untracked egress
 *   filter output      normal egress
 *   mangle postrouting normal egress of local flows whose destination conntrack changed
 *
 * Invariant: it is small, whatever the number of rules and members: a few objects for each endpoint.
 */
import type { Direction, EndpointIntent, PolicyIntent, Stage, TierIntent } from '../intent/policy/policy-intent.ts';
import { baseChains, type Places } from './base-chains.ts';
import { type Compilation, compileEndpoints, type ListRequest, type PlaceView } from './compile-tiers.ts';
import { type Draft, emptyDraft } from './draft.ts';
import { compileFailsafes } from './failsafe-rules.ts';
import type { Rule } from './ruleset.ts';
import { addSamples } from './sample-chains.ts';
import { SharedTiers } from './shared-tiers.ts';
import { decisionRule, denyChains, type Place, placeRules } from './stages.ts';

export interface Frame {
  readonly draft: Draft;
  /** Lists of rules by the chain they are to be compiled to. */
  readonly lists: ReadonlyMap<string, ListRequest>;
}

export function compileFrame(policy: PolicyIntent): Frame {
  const draft = emptyDraft(policy.logRate);
  const lists = new Map<string, ListRequest>();
  const compilation: Compilation = { policy, draft, tiers: new SharedTiers(policy), lists };
  const places: Places = {
    untrackedIn: compilePlace(compilation, 'untracked-in'),
    untrackedOut: compilePlace(compilation, 'untracked-out'),
    prednat: compilePlace(compilation, 'prednat'),
    localIn: compilePlace(compilation, 'local-in'),
    localOut: compilePlace(compilation, 'local-out'),
    localDnat: compilePlace(compilation, 'local-dnat'),
    forwardIn: compilePlace(compilation, 'forward-in'),
    forwardOut: compilePlace(compilation, 'forward-out'),
  };
  for (const chain of baseChains(policy, draft, places)) draft.chains.set(chain.name, chain);
  return { draft, lists };
}

/** The endpoint chains of a place: only for endpoints that something happens to there. */
function compilePlace(compilation: Compilation, place: Place): ReadonlyMap<EndpointIntent, string> {
  const enforced = compileEnforced(compilation, place);
  return addSamples(compilation.draft, compilation.policy, { place, ...stageOf(place) }, enforced);
}

function compileEnforced(compilation: Compilation, place: Place): ReadonlyMap<EndpointIntent, string> {
  const { policy, draft } = compilation;
  const { stage, direction } = stageOf(place);
  const rules = placeRules(place);
  const tiersOf = (endpoint: EndpointIntent): readonly TierIntent[] => endpoint.tiers[stage][direction];
  const isAlways = stage === 'normal' || (stage === 'forward' && policy.dropsInvalid);
  const endpoints = policy.endpoints.filter((endpoint) => isAlways || tiersOf(endpoint).length > 0);
  if (endpoints.length === 0) return new Map();
  for (const chain of denyChains(place, policy.denyVerdict)) draft.chains.set(chain.name, chain);
  const head = headRules(policy, draft.maps, place);
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
function headRules(policy: PolicyIntent, maps: Draft['maps'], place: Place): readonly Rule[] {
  const { stage, direction } = stageOf(place);
  const rules: Rule[] = [];
  if (policy.exemptsNeighborDiscovery && stage !== 'forward') rules.push(neighborDiscovery);
  if (policy.dropsInvalid && stage !== 'untracked') {
    const { invalid } = placeRules(place);
    rules.push(decisionRule(invalid, [{ kind: 'ct-state', states: ['invalid'] }], 'conntrack state invalid'));
  }
  if (stage === 'forward') return rules;
  const { failsafes } = policy;
  const isIngress = direction === 'ingress';
  const here = isIngress
    ? ({ place, remote: 'source', interfaceSide: 'in' } as const)
    : ({ place, remote: 'destination', interfaceSide: 'out' } as const);
  const [own, other] = isIngress ? (['inbound', 'outbound'] as const) : (['outbound', 'inbound'] as const);
  rules.push(...compileFailsafes(maps, { ...here, list: own, lets: 'requests' }, failsafes[own]));
  // Replies to failsafe traffic must stay tracked.
  if (stage === 'untracked')
    rules.push(...compileFailsafes(maps, { ...here, list: other, lets: 'replies' }, failsafes[other]));
  return rules;
}

/** RFC 4861: router and neighbour solicitation and advertisement, redirect. */
const neighborDiscovery: Rule = {
  matches: [{ kind: 'icmp', family: 6, field: 'type', negated: false, first: 133, last: 137 }],
  statements: [{ kind: 'counter' }],
  outcome: { kind: 'accept' },
  comment: 'neighbor discovery',
};
