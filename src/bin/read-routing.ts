/**
 * What an agent reads of BIRD and the kernel to answer questions about routes.
 *
 *   question → BIRD's table, kernel routes ─▶ RouteView[], LimitView[], RouteExplanation
 *
 * Invariant: a question about one prefix reads that prefix; only a question about all routes reads all.
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import { exportKey, type LimitView, limitsView } from '../api/limits-view.ts';
import { type PeerView, peersView } from '../api/peers-view.ts';
import { explainRoute, findSessions, type RouteExplanation } from '../api/route-explanation.ts';
import type { RouteRequest } from '../api/route-query.ts';
import { type RouteView, routesView } from '../api/routes-view.ts';
import type { RoutingIntent, SessionIntent } from '../intent/routing/routing-intent.ts';
import { containsPrefix, equalPrefixes, type Prefix, parsePrefix, printPrefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';

type Failure = { readonly message: string };

/** A BIRD that does not answer has no sessions that are up. */
export async function readPeers(
  agent: RunningAgent,
  { bird }: AgentPorts,
): Promise<Result<readonly PeerView[], Failure>> {
  const intent = agent.intent();
  if (!intent) return err({ message: 'there is no intent yet' });
  const [sessions, bfd] = await Promise.all([bird.sessions(), bird.bfd()]);
  // What is held down, and why, only the agent knows.
  const reasons = new Map(agent.status().routing.sessions.map(({ name, lastError }) => [name, lastError]));
  const observed = (sessions.ok ? sessions.value : []).map((session) => ({
    ...session,
    lastError: session.state === 'Established' ? session.lastError : (reasons.get(session.name) ?? session.lastError),
  }));
  return ok(peersView(intent, observed, bfd.ok ? bfd.value : []));
}

export async function readRoutesFor(
  agent: RunningAgent,
  { bird, host }: AgentPorts,
  request: RouteRequest,
): Promise<Result<readonly RouteView[], Failure>> {
  const { prefix, match, peer, exportedTo, filtered } = request;
  const family = prefix?.family;
  const of = peer === undefined ? ok(undefined) : onePeer(agent, peer, family);
  if (!of.ok) return of;
  const to = exportedTo === undefined ? ok(undefined) : onePeer(agent, exportedTo, family);
  if (!to.ok) return to;
  const rib = await bird.routes({
    ...(prefix ? { prefix, match } : {}),
    ...(of.value ? { session: of.value.name } : {}),
    ...(to.value ? { exportedTo: to.value.name } : {}),
    filtered,
  });
  if (!rib.ok) return rib;
  const kernel = await host.routes();
  if (!kernel.ok) return kernel;
  const isWhole = prefix === undefined && !of.value && !to.value && !filtered;
  const localAs = agent.intent()?.routing.localAs;
  if (isWhole) return ok(routesView(rib.value, kernel.value, localAs));
  // Of the kernel's routes only those that were asked about by prefix stand beside.
  const told = new Set(rib.value.map((entry) => entry.prefix));
  const isAsked = (text: string): boolean => {
    const one = parsePrefix(text);
    if (told.has(text)) return true;
    if (!prefix || !one || of.value || to.value || filtered) return false;
    return match === 'exact' ? equalPrefixes(one, prefix) : match === 'longer' && containsPrefix(prefix, one);
  };
  return ok(
    routesView(
      rib.value,
      kernel.value.filter((route) => isAsked(route.prefix)),
      localAs,
    ),
  );
}

/** Of sessions that are up and have an export limit BIRD's table says what they are told; its own counter may be wrong. */
export async function readLimits(
  agent: RunningAgent,
  { bird }: AgentPorts,
): Promise<Result<readonly LimitView[], Failure>> {
  const routing = agent.intent()?.routing;
  if (!routing) return err({ message: 'there is no intent yet' });
  const sessions = await bird.sessions();
  if (!sessions.ok) return sessions;
  const isUp = new Set(sessions.value.flatMap(({ name, state }) => (state === 'Established' ? [name] : [])));
  const exported = new Map<string, number>();
  for (const { name, channels } of routing.sessions) {
    if (!isUp.has(name) || channels.every((channel) => channel.export.limit === undefined)) continue;
    for (const { family } of channels) {
      const count = await bird.countExported(name, family);
      if (!count.ok) return count;
      exported.set(exportKey(name, family), count.value);
    }
  }
  return ok(limitsView(routing, sessions.value, exported));
}

/** All sessions of the peer, which is named as `peers` names it. */
export async function clearLimit(
  agent: RunningAgent,
  { bird }: AgentPorts,
  peer: string,
): Promise<Result<readonly string[], Failure>> {
  const routing = agent.intent()?.routing;
  const found = routing ? findSessions(routing, peer, undefined) : [];
  if (found.length === 0) return err({ message: `there is no peer ${peer}` });
  for (const { name } of found) {
    const enabled = await bird.enable(name);
    if (!enabled.ok) return enabled;
  }
  return ok(found.map(({ name }) => name));
}

export async function explainRouteAt(
  agent: RunningAgent,
  { bird, host }: AgentPorts,
  prefix: Prefix,
  peer: string | undefined,
): Promise<Result<RouteExplanation, Failure>> {
  const routing = agent.intent()?.routing;
  if (!routing) return err({ message: 'there is no intent yet' });
  const asked = peer === undefined ? ok(undefined) : onePeer(agent, peer, prefix.family);
  if (!asked.ok) return asked;
  const [accepted, refused, sessions, kernel] = await Promise.all([
    bird.routes({ prefix }),
    bird.routes({ prefix, filtered: true }),
    bird.sessions(),
    host.routes(),
  ]);
  if (!accepted.ok) return accepted;
  if (!refused.ok) return refused;
  if (!sessions.ok) return sessions;
  if (!kernel.ok) return kernel;
  const up = sessions.value.filter(({ state }) => state === 'Established').map(({ name }) => name);
  const exportedTo: string[] = [];
  for (const name of asked.value ? up.filter((one) => one === asked.value?.name) : up) {
    const told = await bird.routes({ prefix, exportedTo: name });
    if (told.ok && told.value.length > 0) exportedTo.push(name);
  }
  const text = printPrefix(prefix);
  const installed = kernel.value.filter((route) => route.prefix === text).sort((a, b) => a.metric - b.metric)[0];
  const evidence = {
    prefix,
    accepted: accepted.value,
    refused: refused.value,
    exportedTo,
    sessions: sessions.value,
    kernel: installed,
  };
  return ok(explainRoute(withDrain(agent, routing), evidence, asked.value));
}

/** The routing that BIRD has, drained or not. */
function withDrain(agent: RunningAgent, routing: RoutingIntent): RoutingIntent {
  return { ...routing, isDrained: agent.status().drain.isOn };
}

function onePeer(agent: RunningAgent, peer: string, family: 4 | 6 | undefined): Result<SessionIntent, Failure> {
  const routing = agent.intent()?.routing;
  if (!routing) return err({ message: 'there is no intent yet' });
  const found = findSessions(routing, peer, family);
  const [first, ...more] = found;
  if (!first) {
    const names = routing.sessions.map(({ name }) => name);
    return err({ message: `there is no peer ${peer}; the sessions are ${names.slice(0, 20).join(', ') || 'none'}` });
  }
  if (more.length === 0) return ok(first);
  return err({ message: `${peer} has several sessions, name one: ${found.map(({ name }) => name).join(', ')}` });
}
