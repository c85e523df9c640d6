/**
 * Which established flows policy would refuse if they began now.
 *
 *   TrackedFlow* + PolicyIntent + Fib ─[judgeFlow]→ allowed, denied by a rule, or not to be told
 *
 * A change of policy leaves them be, as in Calico: conntrack's word comes before any rule. Whoever wants them gone names them
 * here first.
 * Conntrack does not remember interfaces. A flow's first packet is taken to have come by the route back to its source, and to
 * leave by the route to its destination; where there is none, nothing is said.
 * Invariant: what cannot be told is never denied.
 */
import type { PolicyIntent } from '../../intent/policy/policy-intent.ts';
import { type Address, equalAddresses } from '../../net/address.ts';
import { explainPacket } from '../../verdict/explain-packet.ts';
import { type Fib, isLocal, lookupRoute } from '../../verdict/fib.ts';
import type { Packet, Passage } from '../../verdict/packet.ts';
import type { Verdict } from '../../verdict/verdict.ts';
import type { TrackedFlow } from './tracked-flow.ts';

export type FlowJudgement =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied'; readonly verdict: Verdict }
  /** `reason` in words. */
  | { readonly kind: 'unknown'; readonly reason: string };

const allowed: FlowJudgement = { kind: 'allowed' };

export function judgeFlow(policy: PolicyIntent, fib: Fib, flow: TrackedFlow): FlowJudgement {
  const passage = passageOf(fib, flow);
  if ('reason' in passage) return { kind: 'unknown', reason: passage.reason };
  const verdict = explainPacket(policy, passage, firstPacket(flow), () => undefined);
  if (verdict.verdict === 'accept' || verdict.verdict === 'no-route') return allowed;
  // Untracked policy judges each packet: what it denies does not go on, whatever conntrack remembers.
  const isUntracked = verdict.stage === 'untracked-ingress' || verdict.stage === 'untracked-egress';
  return isUntracked ? allowed : { kind: 'denied', verdict };
}

function firstPacket({ original, reply }: TrackedFlow): Packet {
  const { destination, destinationPort, ...kept } = original;
  const isTranslated = !equalAddresses(destination, reply.source) || destinationPort !== reply.sourcePort;
  if (!isTranslated) return { ...original, ctState: 'new' };
  return {
    ...kept,
    destination: reply.source,
    ...(reply.sourcePort === undefined ? {} : { destinationPort: reply.sourcePort }),
    ctState: 'new',
    beforeNat: { destination, ...(destinationPort === undefined ? {} : { destinationPort }) },
  };
}

function passageOf(fib: Fib, { original, reply }: TrackedFlow): Passage | { readonly reason: string } {
  const isForwarded = !isLocal(fib, original.source) && !isLocal(fib, reply.source);
  const from = lookupRoute(fib, original.source, isForwarded);
  const to = lookupRoute(fib, reply.source, isForwarded);
  if (from.kind === 'local') {
    if (to.kind === 'local') return { kind: 'local-out', outbound: 'lo' };
    return to.kind === 'forward' ? { kind: 'local-out', outbound: to.outbound } : noWay('to', reply.source, to.kind);
  }
  if (from.kind !== 'forward') return noWay('back to', original.source, from.kind);
  if (to.kind === 'local') return { kind: 'local-in', inbound: from.outbound };
  if (to.kind !== 'forward') return noWay('to', reply.source, to.kind);
  return { kind: 'forward', inbound: from.outbound, outbound: to.outbound };
}

function noWay(
  direction: string,
  address: Address,
  kind: 'link' | 'confined' | 'no-route',
): { readonly reason: string } {
  const of = `IPv${address.family}`;
  return {
    reason:
      kind === 'link' ? `an ${of} flow of one link: it names no interface` : `no ${of} route ${direction} an end of it`,
  };
}
