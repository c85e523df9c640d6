/**
 * What happens to a packet under a router's policy, and why: the semantics of Calico's host endpoints (§4) as a plain walk.
 *
 *   PolicyIntent + Passage + Packet ─[explainPacket]→ Verdict
 *
 *   local-in   untracked ingress → preDNAT ingress → normal ingress
 *   local-out  untracked egress → normal egress
 *   forward    untracked ingress → preDNAT ingress → forward ingress → forward egress → forwarding default
 *
 * It is the reference that the compiled nft ruleset is held against, and shares nothing with its compiler.
 *
 * Invariants: an Allow in an early stage skips the rest of ingress and never the forward egress of the outbound interface;
 * a Deny ends the walk; the verdict is total: every packet gets one.
 */
import type { EndpointIntent, PolicyIntent } from '../intent/policy/policy-intent.ts';
import {
  type Decision,
  directionOf,
  evaluateStage,
  isEarlyStage,
  type Locate,
  type Outcome,
  type PolicyStage,
  tiersAt,
  type Walk,
} from './evaluate-stage.ts';
import type { Packet, Passage } from './packet.ts';
import type { FindOwners } from './print-miss.ts';
import type { TraceDetail, TraceEvent, Verdict, VerdictCause, VerdictStage } from './verdict.ts';
import { judgeWorkload } from './workload-interface.ts';

/** What the trace says beyond the verdict. */
export interface TraceOptions {
  /** `policies` unless said. */
  readonly detail?: TraceDetail;
  /** For the reasons why rules do not match; without it they name addresses alone. */
  readonly findOwners?: FindOwners;
}

export function explainPacket(
  policy: PolicyIntent,
  passage: Passage,
  packet: Packet,
  locate: Locate,
  { detail = 'policies', findOwners = () => undefined }: TraceOptions = {},
): Verdict {
  const walk: Walk = { policy, packet, locate, detail, findOwners, trace: [] };
  switch (passage.kind) {
    case 'local-in':
      return explainLocalIn(walk, passage.inbound);
    case 'local-out':
      return explainLocalOut(walk, passage.outbound);
    case 'forward':
      return explainForward(walk, passage.inbound, passage.outbound);
  }
}

/**
 * The endpoint whose policy an interface is under. An interface with an endpoint of its own is under that one alone, in
 * every stage: Calico lets it fall through to the wildcard's preDNAT policy when its own endpoint has none, which no
 * reader of the two resources would expect.
 */
function endpointOf(policy: PolicyIntent, interfaceName: string): EndpointIntent | undefined {
  const own = policy.endpoints.find(({ interfaces }) => interfaces !== '*' && interfaces.includes(interfaceName));
  if (own) return own;
  if (interfaceName === 'lo' && policy.exemptsLoopback) return undefined;
  return policy.endpoints.find(({ interfaces }) => interfaces === '*');
}

function explainLocalIn(sent: Walk, inbound: string): Verdict {
  const early = explainPrerouting(sent, inbound);
  if ('verdict' in early) return early;
  const { walk } = early;
  const isNew = !followsFlow(early.conntrack);
  const workload = isNew ? judgeWorkload(walk.policy, 'normal-ingress', inbound, walk.packet) : undefined;
  if (workload) return decideByDefault(walk, workload.verdict, { kind: 'workload-interface' }, workload.reason);
  if (early.allowed) {
    skip(walk, 'normal-ingress', allowedIn(early.allowed));
    return accept(walk, early.allowed);
  }
  return explainNormal(walk, 'normal-ingress', inbound, early.conntrack);
}

function explainLocalOut(walk: Walk, outbound: string): Verdict {
  const untracked = evaluate(asSent(walk), 'untracked-egress', outbound, walk.packet.ctState);
  if (untracked.kind === 'deny') return denied(walk, untracked.by);
  if (untracked.kind === 'allow') {
    skip(walk, 'normal-egress', allowedIn(untracked.by));
    return accept(walk, untracked.by);
  }
  return explainNormal(walk, 'normal-egress', outbound, walk.packet.ctState);
}

function allowedIn({ stage }: Decision): string {
  return `allowed in ${stage}`;
}

/** The walk with the packet as it was before NAT; its steps go into the same trace. */
function asSent(walk: Walk): Walk {
  return { ...walk, packet: withoutNat(walk.packet) };
}

/** The packet as it was sent: what NAT makes of one that policy has made untracked (semantics §4.13). */
export function withoutNat(packet: Packet): Packet {
  const { beforeNat, ...rest } = packet;
  return beforeNat ? { ...rest, ...beforeNat } : packet;
}

/** What a packet carries out of the prerouting hooks. */
interface Arrived {
  /** The Allow that gave it the accept mark. */
  readonly allowed: Decision | undefined;
  readonly conntrack: Packet['ctState'];
  /** With the packet as later hooks see it. */
  readonly walk: Walk;
}

/** Raw, then mangle: both run before routing, so they are the same for local and forwarded packets. */
function explainPrerouting(later: Walk, inbound: string): Verdict | Arrived {
  const walk = asSent(later);
  const conntrack = walk.packet.ctState;
  const untracked = evaluate(walk, 'untracked-ingress', inbound, conntrack);
  if (untracked.kind === 'deny') return denied(walk, untracked.by);
  // notrack: from here on the packet belongs to no flow, even if it did before (semantics §10.8).
  if (untracked.kind === 'allow') {
    skip(walk, 'preDNAT-ingress', allowedIn(untracked.by));
    return { allowed: untracked.by, conntrack: 'untracked', walk };
  }
  if (followsFlow(conntrack)) {
    skip(walk, 'preDNAT-ingress', `the packet is ${conntrack}`);
    return { allowed: undefined, conntrack, walk: later };
  }
  const preDnat = evaluate(walk, 'preDNAT-ingress', inbound, conntrack);
  if (preDnat.kind === 'deny') return denied(walk, preDnat.by);
  return { allowed: preDnat.kind === 'allow' ? preDnat.by : undefined, conntrack, walk: later };
}

function explainNormal(
  walk: Walk,
  stage: 'normal-ingress' | 'normal-egress',
  interfaceName: string,
  conntrack: Packet['ctState'],
): Verdict {
  if (followsFlow(conntrack)) return acceptEstablished(walk, conntrack, [[stage, interfaceName]]);
  const workload = judgeWorkload(walk.policy, stage, interfaceName, walk.packet);
  if (workload) return decideByDefault(walk, workload.verdict, { kind: 'workload-interface' }, workload.reason);
  const outcome = evaluate(walk, stage, interfaceName, conntrack);
  switch (outcome.kind) {
    case 'allow':
    case 'exempt':
      return accept(walk, outcome.by);
    case 'deny':
      return denied(walk, outcome.by);
    case 'none':
      return decideByDefault(
        walk,
        'accept',
        { kind: 'no-endpoint' },
        `no endpoint covers ${interfaceName}: left to the host's own rules`,
      );
  }
}

function explainForward(sent: Walk, inbound: string, outbound: string): Verdict {
  const early = explainPrerouting(sent, inbound);
  if ('verdict' in early) return early;
  const { conntrack, walk } = early;
  if (followsFlow(conntrack)) {
    return acceptEstablished(walk, conntrack, [
      ['forward-ingress', inbound],
      ['forward-egress', outbound],
    ]);
  }
  let { allowed } = early;
  if (allowed) skip(walk, 'forward-ingress', allowedIn(allowed));
  else {
    const ingress = evaluate(walk, 'forward-ingress', inbound, conntrack);
    if (ingress.kind === 'deny') return denied(walk, ingress.by);
    if (ingress.kind === 'allow') allowed = ingress.by;
  }
  const egress = evaluate(walk, 'forward-egress', outbound, conntrack);
  if (egress.kind === 'deny') return denied(walk, egress.by);
  if (egress.kind === 'allow') allowed = egress.by;
  return allowed ? accept(walk, allowed) : applyForwardDefault(walk);
}

/**
 * No rule allowed and none denied. Calico accepts: neither an endpoint without forward tiers nor a Pass out of the last tier
 * stops a packet. A Router denies unless told otherwise, because only an explicit Allow may open a way through it.
 */
function applyForwardDefault(walk: Walk): Verdict {
  const { forwardDefault: action, exemptsNeighborDiscovery: isRouter } = walk.policy;
  const isCalico = action === 'Allow' && !isRouter;
  const by = isCalico ? 'Calico lets such packets pass' : `Router forwarding.defaultAction is ${action}`;
  const reason = `no rule allowed or denied the forwarded packet: ${by}`;
  return decideByDefault(walk, action === 'Allow' ? 'accept' : 'drop', { kind: 'forwarding-default' }, reason);
}

/** Asks the interface's endpoint, if it has one, and, in an early stage, if that has any policy there. */
function evaluate(walk: Walk, stage: PolicyStage, interfaceName: string, conntrack: Packet['ctState']): Outcome {
  const endpoint = endpointOf(walk.policy, interfaceName);
  if (!endpoint) {
    skip(walk, stage, `no endpoint covers ${interfaceName}`);
    return { kind: 'none' };
  }
  if (isEarlyStage(stage) && tiersAt(endpoint, stage).length === 0) {
    const flag = stage === 'preDNAT-ingress' ? 'preDNAT' : 'doNotTrack';
    skip(
      walk,
      stage,
      `no ${flag} policy with ${directionOf(stage)} selects endpoint ${endpoint.name} of ${interfaceName}`,
    );
    return { kind: 'none' };
  }
  return evaluateStage(walk, { stage, endpoint, interfaceName, conntrack });
}

/** Policy judges the first packet of a flow; the rest follow it, whether or not an endpoint is there to say so. */
function acceptEstablished(
  walk: Walk,
  conntrack: Packet['ctState'],
  passed: readonly (readonly [PolicyStage, string])[],
): Verdict {
  const reason =
    conntrack === 'related'
      ? 'a related packet goes with a flow that was accepted'
      : 'an established packet belongs to a flow that was accepted';
  for (const [stage, interfaceName] of passed) {
    const endpoint = endpointOf(walk.policy, interfaceName);
    if (!endpoint) continue;
    note(walk, 'exemption', stage, endpoint.name, `${conntrack}: accept`);
    return accept(walk, { stage, rule: null, position: null, cause: { kind: 'established' }, reason });
  }
  return decideByDefault(walk, 'accept', { kind: 'established' }, reason);
}

/** Conntrack's states that policy does not ask about, save untracked policy. */
function followsFlow(conntrack: Packet['ctState']): boolean {
  return conntrack === 'established' || conntrack === 'related';
}

function decideByDefault(walk: Walk, verdict: 'accept' | 'drop', cause: VerdictCause, reason: string): Verdict {
  note(walk, 'default', 'default', null, `${reason}: ${verdict}`);
  return { verdict, stage: 'default', rule: null, position: null, cause, reason, trace: walk.trace };
}

function accept(walk: Walk, by: Decision): Verdict {
  return { verdict: 'accept', ...by, trace: walk.trace };
}

/**
 * The kernel can reject only in input, forward and output: the hooks before them always drop, and so does postrouting, where
 * the router's own packets are judged whose destination NAT has changed.
 */
function denied(walk: Walk, by: Decision): Verdict {
  const isEarly = by.stage.startsWith('untracked') || by.stage.startsWith('preDNAT');
  const isPostrouting = by.stage === 'normal-egress' && walk.packet.beforeNat !== undefined;
  return { verdict: isEarly || isPostrouting ? 'drop' : walk.policy.denyVerdict, ...by, trace: walk.trace };
}

function skip(walk: Walk, stage: VerdictStage, why: string): void {
  note(walk, 'skipped', stage, null, `skipped: ${why}`);
}

function note(walk: Walk, event: TraceEvent, stage: VerdictStage, endpoint: string | null, outcome: string): void {
  walk.trace.push({ event, stage, endpoint, tier: null, policy: null, rule: null, outcome, position: null });
}
