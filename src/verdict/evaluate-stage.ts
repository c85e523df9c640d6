/**
 * One stage of one endpoint in one direction: exemptions, tiers, policies, rules, profiles (semantics §4.3, §4.7).
 *
 *   EndpointIntent + stage + Packet ─[evaluateStage]→ Outcome, and trace steps
 *
 * Written as the specification reads, without regard to how nft will do it.
 *
 * Invariant: every step taken leaves one trace step, in order, and a decision names its rule or says why there is none.
 */

import type {
  Direction,
  EndpointIntent,
  PolicyIntent,
  PolicyRules,
  RuleIntent,
  TierIntent,
} from '../intent/policy/policy-intent.ts';
import type { FieldPath, Position, Resource } from '../resources/resource.ts';
import { findFailsafe } from './failsafe.ts';
import { failsOnPorts, findMiss, isIcmp, type Miss } from './match-rule.ts';
import type { Packet } from './packet.ts';
import { type FindOwners, printMiss } from './print-miss.ts';
import type { RuleReference, TraceDetail, TraceStep, VerdictCause, VerdictStage } from './verdict.ts';

export type Locate = (resource: Resource, path: FieldPath) => Position | undefined;

/** What is fixed for one packet, and the trace it leaves. */
export interface Walk {
  readonly policy: PolicyIntent;
  readonly packet: Packet;
  readonly locate: Locate;
  readonly detail: TraceDetail;
  readonly findOwners: FindOwners;
  readonly trace: TraceStep[];
}

/** Where the walk stands. `conntrack` is what conntrack says of the packet here: an untracked Allow changes it. */
export interface StagePoint {
  readonly stage: PolicyStage;
  readonly endpoint: EndpointIntent;
  readonly interfaceName: string;
  readonly conntrack: Packet['ctState'];
}

export type PolicyStage = Exclude<VerdictStage, 'route' | 'default'>;

export interface Decision {
  readonly stage: VerdictStage;
  readonly rule: RuleReference | null;
  readonly position: Position | null;
  readonly cause: VerdictCause;
  readonly reason: string;
}

export type Outcome =
  /** A rule said Allow (or a profile did): the packet carries the accept mark from here on. */
  | { readonly kind: 'allow'; readonly by: Decision }
  | { readonly kind: 'deny'; readonly by: Decision }
  /** Accepted in this hook only: the next hook asks again. */
  | { readonly kind: 'exempt'; readonly by: Decision }
  | { readonly kind: 'none' };

const none: Outcome = { kind: 'none' };

/** The stages without an end-of-tier verdict: what they do not decide goes on to the next stage. */
export function isEarlyStage(stage: PolicyStage): boolean {
  return stage === 'untracked-ingress' || stage === 'untracked-egress' || stage === 'preDNAT-ingress';
}

export function directionOf(stage: PolicyStage): Direction {
  return stage.endsWith('-ingress') ? 'ingress' : 'egress';
}

export function tiersAt(endpoint: EndpointIntent, stage: PolicyStage): readonly TierIntent[] {
  switch (stage) {
    case 'untracked-ingress':
      return endpoint.tiers.untracked.ingress;
    case 'untracked-egress':
      return endpoint.tiers.untracked.egress;
    case 'preDNAT-ingress':
      return endpoint.tiers.preDNAT.ingress;
    case 'normal-ingress':
      return endpoint.tiers.normal.ingress;
    case 'normal-egress':
      return endpoint.tiers.normal.egress;
    case 'forward-ingress':
      return endpoint.tiers.forward.ingress;
    case 'forward-egress':
      return endpoint.tiers.forward.egress;
  }
}

/** The rows of the chain, in the order of semantics §4.7; established packets never come here, except in untracked. */
export function evaluateStage(walk: Walk, at: StagePoint): Outcome {
  return (
    exemptNeighborDiscovery(walk, at) ??
    denyInvalid(walk, at) ??
    exemptFailsafe(walk, at) ??
    evaluateTiers(walk, at) ??
    evaluateProfiles(walk, at) ??
    saySilent(walk, at)
  );
}

/** An endpoint that no applyOnForward policy selects is a common surprise, so the trace says that it was asked. */
function saySilent(walk: Walk, at: StagePoint): Outcome {
  if (isForwardStage(at.stage) && tiersAt(at.endpoint, at.stage).length === 0) {
    const outcome = `no applyOnForward policy with ${directionOf(at.stage)} selects it: no verdict`;
    note(walk, at, { event: 'silent', outcome });
  }
  return none;
}

/**
 * A Router's neighbour discovery is never cut (ICMPv6 133 to 137; RFC 4861 has it sent with hop limit 255, so no router
 * forwards it). The early ingress stages run before routing and so exempt it whatever its destination.
 */
function exemptNeighborDiscovery(walk: Walk, at: StagePoint): Outcome | undefined {
  const { policy, packet } = walk;
  if (!policy.exemptsNeighborDiscovery || isForwardStage(at.stage)) return undefined;
  const type = packet.icmpType ?? -1;
  if (packet.source.family !== 6 || !isIcmp(packet) || type < 133 || type > 137) return undefined;
  return exempt(walk, at, { kind: 'neighbor-discovery' }, 'neighbor discovery is never policed');
}

/** Raw runs before conntrack, so untracked stages know no invalid packets. */
function denyInvalid(walk: Walk, at: StagePoint): Outcome | undefined {
  const isUntracked = at.stage === 'untracked-ingress' || at.stage === 'untracked-egress';
  if (isUntracked || at.conntrack !== 'invalid' || !walk.policy.dropsInvalid) return undefined;
  return deny(walk, at, { kind: 'conntrack-invalid' }, 'conntrack state invalid');
}

function exemptFailsafe(walk: Walk, at: StagePoint): Outcome | undefined {
  if (isForwardStage(at.stage)) return undefined;
  const failsafe = findFailsafe(walk.policy.failsafes, at.stage, at.interfaceName, walk.packet);
  return failsafe && exempt(walk, at, { kind: 'failsafe', list: failsafe.list, name: failsafe.name }, failsafe.reason);
}

function isForwardStage(stage: PolicyStage): boolean {
  return stage === 'forward-ingress' || stage === 'forward-egress';
}

function evaluateTiers(walk: Walk, at: StagePoint): Outcome | undefined {
  for (const tier of tiersAt(at.endpoint, at.stage)) {
    const verdict = evaluateTier(walk, at, tier);
    if (verdict) return verdict;
  }
  return undefined;
}

function evaluateTier(walk: Walk, at: StagePoint, tier: TierIntent): Outcome | undefined {
  for (const id of tier.policies) {
    const rules = walk.policy.policies.get(id);
    if (!rules) throw new Error(`the intent names policy ${id} but does not hold it`);
    const verdict = evaluateRules(walk, at, rules);
    if (verdict === 'pass') return undefined;
    if (verdict) return verdict;
  }
  if (isEarlyStage(at.stage)) {
    note(walk, at, { event: 'tier-end', tier: tier.name, outcome: 'end of tier: no verdict in this stage' });
    return undefined;
  }
  if (tier.defaultAction === 'Pass') {
    note(walk, at, { event: 'tier-end', tier: tier.name, outcome: 'end of tier: Pass' });
    return undefined;
  }
  const cause = { kind: 'end-of-tier', tier: tier.name } as const;
  return deny(walk, at, cause, `end of tier ${tier.name}: no policy of it decided`);
}

/** Only the normal stages have profiles, and only they deny what nothing allowed. */
function evaluateProfiles(walk: Walk, at: StagePoint): Outcome | undefined {
  if (at.stage !== 'normal-ingress' && at.stage !== 'normal-egress') return undefined;
  for (const name of at.endpoint.profiles) {
    const rules = walk.policy.profiles.get(name);
    if (!rules) {
      const reason = `profile ${name} does not exist, so it denies everything`;
      return deny(walk, at, { kind: 'missing-profile', profile: name }, reason);
    }
    const verdict = evaluateRules(walk, at, rules);
    // Pass ends a profile and nothing more: the next one is tried.
    if (verdict && verdict !== 'pass') return verdict;
  }
  const profiles = at.endpoint.profiles.length === 0 ? 'it has no profile' : 'no profile of it decided';
  const reason = `no tier of endpoint ${at.endpoint.name} decided and ${profiles}`;
  return deny(walk, at, { kind: 'end-of-profiles' }, reason);
}

function evaluateRules(walk: Walk, at: StagePoint, rules: PolicyRules): Outcome | 'pass' | undefined {
  const direction = directionOf(at.stage);
  const isQuick = walk.detail !== 'rules';
  for (const rule of rules[direction]) {
    if (isQuick && failsOnPorts(rule, walk.packet)) continue;
    const miss = findMiss(walk.policy, rule, walk.packet);
    if (miss) {
      if (!isQuick) noteMiss(walk, at, rules, rule, miss);
      continue;
    }
    const by = decisionOf(walk, at, rules, rule);
    note(walk, at, {
      event: 'rule-matched',
      tier: rules.tier,
      policy: rules.id,
      rule: by.rule,
      outcome: `matched ${rule.action}`,
      position: by.position,
    });
    switch (rule.action) {
      case 'Allow':
        return { kind: 'allow', by };
      case 'Deny':
        return { kind: 'deny', by };
      case 'Pass':
        return 'pass';
      case 'Log':
        break;
    }
  }
  const outcome = rules[direction].length === 0 ? `no match: it has no ${direction} rules` : 'no match';
  // Thousands of policies may say nothing of thousands of packets.
  const placed = walk.detail === 'rules' ? rules.resource : undefined;
  const position = (placed && walk.locate(placed, ['metadata', 'name'])) ?? null;
  note(walk, at, { event: 'policy-end', tier: rules.tier, policy: rules.id, outcome, position });
  return undefined;
}

function noteMiss(walk: Walk, at: StagePoint, rules: PolicyRules, rule: RuleIntent, miss: Miss): void {
  const { rule: reference, position } = decisionOf(walk, at, rules, rule);
  const reason = printMiss(walk.policy, rule, walk.packet, miss, walk.findOwners);
  const outcome = `no match for ${rule.action}: ${reason}`;
  note(walk, at, { event: 'rule-missed', tier: rules.tier, policy: rules.id, rule: reference, outcome, position });
}

function decisionOf(walk: Walk, at: StagePoint, rules: PolicyRules, rule: RuleIntent): Decision {
  const { kind, name, tier } = rules;
  const direction = directionOf(at.stage);
  return {
    stage: at.stage,
    rule: { kind, name, tier, direction, index: rule.index },
    position: (rules.resource && walk.locate(rules.resource, rule.path)) ?? null,
    cause: { kind: 'rule' },
    reason: `${kind} ${name} ${direction}[${rule.index}]: ${rule.action}`,
  };
}

function exempt(walk: Walk, at: StagePoint, cause: VerdictCause, reason: string): Outcome {
  note(walk, at, { event: 'exemption', outcome: `${reason}: accept in this hook` });
  return { kind: 'exempt', by: { stage: at.stage, rule: null, position: null, cause, reason } };
}

/** A Deny that no rule said. */
function deny(walk: Walk, at: StagePoint, cause: VerdictCause, reason: string): Outcome {
  if (cause.kind === 'end-of-tier')
    note(walk, at, { event: 'tier-end', tier: cause.tier, outcome: 'end of tier: Deny' });
  else
    note(walk, at, {
      event: cause.kind === 'conntrack-invalid' ? 'exemption' : 'profiles-end',
      outcome: `${reason}: Deny`,
    });
  return { kind: 'deny', by: { stage: at.stage, rule: null, position: null, cause, reason } };
}

function note(walk: Walk, at: StagePoint, step: Partial<TraceStep> & Pick<TraceStep, 'event' | 'outcome'>): void {
  walk.trace.push({
    stage: at.stage,
    endpoint: at.endpoint.name,
    tier: null,
    policy: null,
    rule: null,
    position: null,
    ...step,
  });
}
