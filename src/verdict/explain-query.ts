/**
 * Answers a packet question: finds the packet's way through the router, then what policy makes of it.
 *
 *   PacketQuery ─[resolvePassage, by the Fib]→ Passage ─[explainPacket]→ Verdict
 *
 * Invariant: an interface that the question names is taken as given; only what it leaves open is looked up.
 */

import type { PolicyIntent } from '../intent/policy/policy-intent.ts';
import { printAddress } from '../net/address.ts';
import { printPrefix } from '../net/prefix.ts';
import type { Locate } from './evaluate-stage.ts';
import { explainPacket, type TraceOptions, withoutNat } from './explain-packet.ts';
import { findOuterWay } from './failsafe.ts';
import { type Fib, lookupRoute } from './fib.ts';
import type { Passage } from './packet.ts';
import type { PacketQuery } from './packet-query.ts';
import { compareStaged, type StagedVerdict } from './staged-verdict.ts';
import type { TraceStep, Verdict } from './verdict.ts';

/** A RouterIntent will do for `intent`. */
export function explainQuery(
  intent: { readonly policy: PolicyIntent },
  fib: Fib,
  query: PacketQuery,
  locate: Locate,
  options: TraceOptions = {},
): Verdict {
  const way = outerWay(intent.policy, query) ?? resolvePassage(fib, query);
  if (way.passage === undefined) {
    return {
      verdict: 'no-route',
      stage: 'route',
      rule: null,
      position: null,
      cause: { kind: 'no-route' },
      reason: way.reason,
      trace: [routeStep(way.reason)],
    };
  }
  const verdict = explainPacket(intent.policy, way.passage, query.packet, locate, options);
  if (query.packet.beforeNat && verdict.trace.some(isMadeUntracked)) {
    // NAT does not touch what has no flow: routing sees where it was sent to.
    return explainQuery(intent, fib, { ...query, packet: withoutNat(query.packet) }, locate, options);
  }
  return way.reason === undefined ? verdict : { ...verdict, trace: [routeStep(way.reason), ...verdict.trace] };
}

/** What staged policy would make of the packet; undefined where none concerns an endpoint. */
export function explainStagedQuery(
  intent: { readonly policy: PolicyIntent },
  fib: Fib,
  query: PacketQuery,
  enforced: Verdict,
  locate: Locate,
): StagedVerdict | undefined {
  const { staged } = intent.policy;
  return staged && compareStaged(explainQuery(staged, fib, query, locate), enforced);
}

/** `reason` says what was looked up; absent when nothing was. */
type Way =
  | { readonly passage: Passage; readonly reason?: string }
  | { readonly passage: undefined; readonly reason: string };

/** A tunnel's own packets have a route table of their own; undefined for others. */
function outerWay(
  { failsafes }: PolicyIntent,
  { in: inbound, out: outbound, local, packet }: PacketQuery,
): Way | undefined {
  if (inbound !== undefined || outbound !== undefined || local === 'in') return undefined;
  const found = findOuterWay(failsafes, packet);
  return (
    found && { passage: sent(found.interfaceName), reason: `${found.purpose} goes by ${found.interfaceName} alone` }
  );
}

/** The way the packet takes, and what was looked up to know it. */
export function resolvePassage(fib: Fib, query: PacketQuery): Way {
  const { in: inbound, out: outbound, local, packet } = query;
  if (local === 'in' && inbound !== undefined) return { passage: { kind: 'local-in', inbound } };
  if (local === 'out') {
    // Without `out`, the one interface that is named is meant.
    const named = outbound ?? inbound;
    return named === undefined ? lookUp(fib, packet.destination, undefined) : { passage: sent(named) };
  }
  if (outbound !== undefined) {
    return { passage: inbound === undefined ? sent(outbound) : { kind: 'forward', inbound, outbound } };
  }
  return lookUp(fib, packet.destination, inbound);
}

/** Without `inbound` the packet is the router's own. */
function lookUp(fib: Fib, destination: PacketQuery['packet']['destination'], inbound: string | undefined): Way {
  const route = lookupRoute(fib, destination, inbound !== undefined);
  const text = printAddress(destination);
  switch (route.kind) {
    case 'local': {
      const passage: Passage = inbound === undefined ? sent('lo') : { kind: 'local-in', inbound };
      return { passage, reason: `${text} is the router itself` };
    }
    case 'link':
      if (inbound !== undefined) {
        return { passage: { kind: 'local-in', inbound }, reason: `${text} is of the link: never forwarded` };
      }
      return { passage: undefined, reason: `${text} is of a link: say by which interface it is sent (out)` };
    case 'forward': {
      const { outbound } = route;
      const passage: Passage = inbound === undefined ? sent(outbound) : { kind: 'forward', inbound, outbound };
      return { passage, reason: `${text} is in ${printPrefix(route.prefix)} by ${outbound}` };
    }
    case 'confined': {
      const reason = `no route to ${text} but a default one, which ${printPrefix(route.prefix)} may not go by: its Site is behind tunnels`;
      return { passage: undefined, reason };
    }
    case 'no-route':
      return { passage: undefined, reason: `no route to ${text}` };
  }
}

function isMadeUntracked({ stage, outcome }: TraceStep): boolean {
  return stage.startsWith('untracked') && outcome === 'matched Allow';
}

function sent(outbound: string): Passage {
  return { kind: 'local-out', outbound };
}

function routeStep(outcome: string): TraceStep {
  return {
    event: 'route',
    stage: 'route',
    endpoint: null,
    tier: null,
    policy: null,
    rule: null,
    outcome,
    position: null,
  };
}
