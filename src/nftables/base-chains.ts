/**
 * The chains that hang in the kernel's hooks, and the dispatch from interfaces to endpoint chains.
 *
 *   endpoint chains of every place ─[baseChains]→ base chains, interface maps
 *
 * Invariant: a hook of ours exists only if it has work; an established packet pays one conntrack lookup in it and no more;
 * the accept and forwarded marks are cleared by the first chain of ours on a packet's way before anything trusts them.
 */
import type { EndpointIntent, PolicyIntent } from '../intent/policy/policy-intent.ts';
import { clampSegments } from './clamp-segments.ts';
import type { Draft } from './draft.ts';
import { denyChain } from './flow-log.ts';
import { printKey } from './keys.ts';
import { markBits } from './marks.ts';
import { pairFlows } from './pair-flows.ts';
import type { BaseChain, Chain, Field, FieldValue, MapElement, Match, Rule, Verdict } from './ruleset.ts';
import type { Place } from './stages.ts';

type EndpointChains = ReadonlyMap<EndpointIntent, string>;

export interface Places {
  readonly untrackedIn: EndpointChains;
  readonly untrackedOut: EndpointChains;
  readonly prednat: EndpointChains;
  readonly localIn: EndpointChains;
  readonly localOut: EndpointChains;
  readonly localDnat: EndpointChains;
  readonly forwardIn: EndpointChains;
  readonly forwardOut: EndpointChains;
}

const { accept: acceptBit, forwarded: forwardedBit } = markBits;

const acceptEstablished: Rule = {
  matches: [],
  statements: [],
  outcome: {
    kind: 'ct-state-lookup',
    verdicts: [
      ['established', { kind: 'accept' }],
      ['related', { kind: 'accept' }],
    ],
  },
};

/** A packet without a flow has no `ct status` to ask for, and nobody changed its destination. */
const acceptUnlessNew: Rule = {
  matches: [],
  statements: [],
  outcome: {
    kind: 'ct-state-lookup',
    verdicts: (['established', 'related', 'untracked', 'invalid'] as const).map((state) => [state, { kind: 'accept' }]),
  },
};

export function baseChains(policy: PolicyIntent, draft: Draft, places: Places): readonly Chain[] {
  const dispatch = (place: Place, side: 'in' | 'out', chains: EndpointChains): readonly Rule[] =>
    dispatchRules(policy, draft, place, side, chains);
  const isMarkedEarly = places.untrackedIn.size > 0 || places.prednat.size > 0;
  const chains: Chain[] = [];
  const add = (name: string, base: BaseChain, rules: readonly Rule[]): void => {
    chains.push({ name, base, rules });
  };
  if (places.untrackedIn.size > 0) {
    const rules = [changeMark(acceptBit | forwardedBit, 0), ...dispatch('untracked-in', 'in', places.untrackedIn)];
    add('raw-prerouting', { hook: 'prerouting', priority: -300 }, rules);
  }
  if (places.untrackedOut.size > 0) {
    const rules = [changeMark(acceptBit | forwardedBit, 0), ...dispatch('untracked-out', 'out', places.untrackedOut)];
    add('raw-output', { hook: 'output', priority: -300 }, rules);
  }
  if (places.prednat.size > 0) {
    const trust = places.untrackedIn.size > 0 ? acceptMarked : changeMark(acceptBit | forwardedBit, 0);
    const rules = [acceptEstablished, trust, ...dispatch('prednat', 'in', places.prednat)];
    add('mangle-prerouting', { hook: 'prerouting', priority: -150 }, rules);
  }
  const segments = clampSegments(policy, draft);
  if (segments) chains.push(segments);
  const forwardRules = compileForward(policy, draft, places, isMarkedEarly);
  if (forwardRules.length > 0) add('filter-forward', { hook: 'forward', priority: 0 }, forwardRules);
  if (policy.endpoints.length === 0) return chains;
  const inputRules = [
    acceptEstablished,
    ...workloadInput(policy, draft),
    ...(isMarkedEarly ? [acceptMarked] : []),
    ...dispatch('local-in', 'in', places.localIn),
  ];
  add('filter-input', { hook: 'input', priority: 0 }, inputRules);
  const outputRules = [
    acceptEstablished,
    places.untrackedOut.size > 0 ? acceptMarked : changeMark(acceptBit | forwardedBit, 0),
    acceptInHook({ kind: 'ct-dnat', isSet: true }, 'destination changed: evaluated in postrouting'),
    ...workloadOutput(policy),
    ...dispatch('local-out', 'out', places.localOut),
  ];
  add('filter-output', { hook: 'output', priority: 0 }, outputRules);
  const postroutingRules = [
    acceptInHook({ kind: 'ct-dnat', isSet: false }, undefined),
    acceptUnlessNew,
    acceptInHook({ kind: 'mark', mask: forwardedBit, isSet: true }, undefined),
    ...workloadOutput(policy),
    ...dispatch('local-dnat', 'out', places.localDnat),
  ];
  add('mangle-postrouting', { hook: 'postrouting', priority: -150 }, postroutingRules);
  return chains;
}

/** What workloads send to the host is not judged by the wildcard endpoint, not even where preDNAT policy allowed it. */
function workloadInput({ workloads }: PolicyIntent, draft: Draft): readonly Rule[] {
  if (!workloads) return [];
  if (workloads.toHost === 'leave')
    return workloads.prefixes.map((prefix) => acceptInHook(begins('in', prefix), leftOut));
  draft.chains.set('workload-in', { name: 'workload-in', rules: workloadToHost });
  draft.chains.set(denyFromWorkload.name, denyFromWorkload);
  return workloads.prefixes.map((prefix) => ({
    matches: [begins('in', prefix)],
    statements: [],
    outcome: { kind: 'goto', chain: 'workload-in' },
  }));
}

/** The host may always reach its workloads. */
function workloadOutput({ workloads }: PolicyIntent): readonly Rule[] {
  return (workloads?.prefixes ?? []).map((prefix) => acceptInHook(begins('out', prefix), leftOut));
}

const leftOut = 'workload interface: not under the wildcard endpoint';

const denyFromWorkload = denyChain('deny', 'workload-in', { kind: 'drop' });

/** Calico lets workloads find the host by IPv6: multicast listeners, solicitations, neighbour advertisements (§4.11). */
const workloadToHost: readonly Rule[] = [
  ...[
    { first: 130, last: 133 },
    { first: 135, last: 136 },
  ].map(({ first, last }) =>
    acceptInHook({ kind: 'icmp', family: 6, field: 'type', negated: false, first, last }, 'neighbor discovery'),
  ),
  {
    matches: [],
    statements: [{ kind: 'counter' }],
    outcome: { kind: 'goto', chain: denyFromWorkload.name },
    comment: 'FelixConfiguration defaultEndpointToHostAction Drop',
  },
];

/** A prefix as long as a name can be is a name. */
function begins(side: 'in' | 'out', prefix: string): Match {
  return prefix.length < 15
    ? { kind: 'interface-prefix', side, prefix }
    : { kind: 'interface', side, negated: false, names: [prefix] };
}

/**
 * Both sides must let a forwarded packet pass: ingress of the inbound interface, which an early Allow has settled already,
 * and egress of the outbound one, which nothing settles but itself (semantics §4.6 c).
 */
function compileForward(policy: PolicyIntent, draft: Draft, places: Places, isMarkedEarly: boolean): readonly Rule[] {
  const isDefaultDeny = policy.forwardDefault === 'Deny';
  if (policy.endpoints.length === 0 && !isDefaultDeny) return [];
  const clear = isMarkedEarly ? 0 : acceptBit;
  const set = policy.endpoints.length > 0 ? forwardedBit : 0;
  const rules: Rule[] = [acceptEstablished, ...pairFlows(policy)];
  if (clear !== 0 || set !== 0) rules.push(changeMark(clear, set));
  const notAccepted: Match = { kind: 'mark', mask: acceptBit, isSet: false };
  const ingress = dispatchRules(policy, draft, 'forward-in', 'in', places.forwardIn);
  if (ingress.length > 0) {
    draft.chains.set('forward-in', { name: 'forward-in', rules: ingress });
    rules.push({
      matches: isMarkedEarly ? [notAccepted] : [],
      statements: [],
      outcome: { kind: 'jump', chain: 'forward-in' },
    });
  }
  const egress = dispatchRules(policy, draft, 'forward-out', 'out', places.forwardOut);
  if (egress.length > 0) {
    draft.chains.set('forward-out', { name: 'forward-out', rules: egress });
    rules.push({ matches: [], statements: [], outcome: { kind: 'jump', chain: 'forward-out' } });
  }
  if (isDefaultDeny) {
    const deny = denyChain('deny', 'forward-default', { kind: 'drop' });
    draft.chains.set(deny.name, deny);
    rules.push({
      matches: [notAccepted],
      statements: [{ kind: 'counter' }],
      outcome: { kind: 'goto', chain: deny.name },
      comment: 'Router forwarding.defaultAction Deny',
    });
  }
  return rules;
}

function changeMark(clear: number, set: number): Rule {
  return { matches: [], statements: [{ kind: 'mark', clear, set }] };
}

const acceptMarked: Rule = {
  matches: [{ kind: 'mark', mask: acceptBit, isSet: true }],
  statements: [{ kind: 'counter' }],
  outcome: { kind: 'accept' },
  comment: 'allowed in an earlier stage',
};

function acceptInHook(match: Match, comment: string | undefined): Rule {
  const rule: Rule = { matches: [match], statements: [], outcome: { kind: 'accept' } };
  return comment === undefined ? rule : { ...rule, comment };
}

/**
 * Interface to endpoint chain by one map lookup, then the wildcard endpoint for all others. An interface with its own
 * endpoint never comes under the wildcard, even in a stage in which its endpoint has nothing to say.
 */
function dispatchRules(
  policy: PolicyIntent,
  draft: Draft,
  place: Place,
  side: 'in' | 'out',
  chains: EndpointChains,
): readonly Rule[] {
  if (chains.size === 0) return [];
  const wildcard = [...chains].find(([endpoint]) => endpoint.interfaces === '*')?.[1];
  const verdicts = new Map<string, Verdict>();
  if (wildcard !== undefined && policy.exemptsLoopback) verdicts.set('lo', { kind: 'return' });
  for (const endpoint of policy.endpoints) {
    if (endpoint.interfaces === '*') continue;
    const chain = chains.get(endpoint);
    if (chain === undefined && wildcard === undefined) continue;
    for (const name of endpoint.interfaces) {
      verdicts.set(name, chain === undefined ? { kind: 'return' } : { kind: 'goto', chain });
    }
  }
  const rules: Rule[] = [];
  if (verdicts.size > 0) {
    const fields: readonly Field[] = [{ kind: 'interface', side }];
    const map = `${place}-interfaces`;
    draft.maps.set(map, { name: map, fields, isInterval: false, elements: interfaceElements(verdicts) });
    rules.push({ matches: [], statements: [], outcome: { kind: 'lookup', map, fields } });
  }
  if (wildcard !== undefined) rules.push({ matches: [], statements: [], outcome: { kind: 'goto', chain: wildcard } });
  return rules;
}

function interfaceElements(verdicts: ReadonlyMap<string, Verdict>): ReadonlyMap<string, MapElement> {
  const elements = new Map<string, MapElement>();
  for (const name of [...verdicts.keys()].sort()) {
    const value: FieldValue = { kind: 'name', name };
    const verdict = verdicts.get(name);
    if (verdict) elements.set(printKey([value]), { key: [value], verdict });
  }
  return elements;
}
