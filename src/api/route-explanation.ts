/**
 * What became of a prefix, from the peer that told it to the peers that are told, and the first step that stopped it.
 *
 *   RoutingIntent, what BIRD and the kernel hold ─[explainRoute]→ RouteExplanation → `explain route`
 *
 * Invariant: what BIRD did is read back from BIRD; why it did is found by walking the very filters it was given.
 */
import type { KernelRoute } from '../agent/ports.ts';
import { whyBetter } from '../bird/best-path.ts';
import { compileFunctions } from '../bird/compile.ts';
import type { RibEntry, SessionStatus } from '../bird/daemon.ts';
import { kernelFilterName } from '../bird/names.ts';
import { refusalOf, routeFacts } from '../bird/route-facts.ts';
import { filterNameHash, type Refusal, refusalSentences } from '../intent/routing/refusal-reasons.ts';
import { isInternal, type RoutingIntent, type SessionIntent } from '../intent/routing/routing-intent.ts';
import { type Family, printAddress } from '../net/address.ts';
import { containsPrefix, type Prefix, parsePrefix, printPrefix } from '../net/prefix.ts';
import { resourceId } from '../resources/resource.ts';
import { type ExportStep, exportSteps } from './export-steps.ts';
import { siteOf } from './peers-view.ts';

/** What was read for the question. */
export interface RouteEvidence {
  readonly prefix: Prefix;
  /** Entries of exactly this prefix that import filters accepted, and refused. */
  readonly accepted: readonly RibEntry[];
  readonly refused: readonly RibEntry[];
  /** Names of sessions that BIRD tells it to. */
  readonly exportedTo: readonly string[];
  readonly sessions: readonly SessionStatus[];
  readonly kernel: KernelRoute | undefined;
}

export interface RouteExplanation {
  readonly prefix: string;
  readonly accepted: readonly AcceptedRoute[];
  readonly refused: readonly RefusedRoute[];
  readonly exportedTo: readonly string[];
  readonly kernel: {
    readonly isInstalled: boolean;
    readonly nextHops: KernelRoute['nextHops'];
    readonly protocol: string | null;
    /** Why it is there as it is, or not there. */
    readonly reason: string;
  };
  /** Of the peer asked for; null where none was. */
  readonly peer: PeerPath | null;
}

export interface AcceptedRoute {
  readonly session: string;
  readonly from: string | null;
  readonly isBest: boolean;
  /** Of the best: what it is better by than the next one; of the others, what the best is better by. */
  readonly why: string;
  readonly asPath: string;
  readonly attributes: RibEntry['attributes'];
}

export interface RefusedRoute {
  readonly session: string;
  readonly from: string | null;
  readonly reason: string;
  /** The BGPFilter and the index of its rule, where one refused it; rule null: there is no such filter. */
  readonly filter: { readonly name: string; readonly list: string; readonly rule: number | null } | null;
}

export interface PeerPath {
  readonly session: string;
  readonly isTold: boolean;
  /** In order; the first that does not pass is what keeps the prefix from the peer. */
  readonly steps: readonly PathStep[];
}

export interface PathStep {
  readonly step: 'known' | 'session' | ExportStep['step'] | 'limit' | 'told';
  readonly passes: boolean;
  readonly sentence: string;
}

export function explainRoute(
  routing: RoutingIntent,
  evidence: RouteEvidence,
  peer: SessionIntent | undefined,
): RouteExplanation {
  const sessionsByName = new Map(routing.sessions.map((session) => [session.name, session]));
  const isExternal = (name: string): boolean => {
    const session = sessionsByName.get(name);
    return session !== undefined && !isInternal(session);
  };
  const best = evidence.accepted.find(({ preferred }) => preferred) ?? evidence.accepted[0];
  return {
    prefix: printPrefix(evidence.prefix),
    accepted: evidence.accepted.map((entry) => acceptedRoute(entry, best, evidence.accepted, isExternal)),
    refused: evidence.refused.map((entry) => refusedRoute(entry, routing, sessionsByName)),
    exportedTo: evidence.exportedTo,
    kernel: kernelState(routing, evidence, best),
    peer: peer ? peerPath(routing, evidence, best, peer, sessionsByName) : null,
  };
}

function acceptedRoute(
  entry: RibEntry,
  best: RibEntry | undefined,
  all: readonly RibEntry[],
  isExternal: (name: string) => boolean,
): AcceptedRoute {
  const isBest = entry === best;
  const next = all.find((one) => one !== entry);
  const why =
    isBest && !next
      ? 'the only one'
      : isBest && next
        ? whyBetter(entry, next, isExternal).sentence
        : best
          ? `not best: ${whyBetter(best, entry, isExternal).sentence}`
          : 'not best';
  return {
    session: entry.protocol,
    from: entry.from,
    isBest,
    why,
    asPath: entry.attributes['BGP.as_path'] ?? '',
    attributes: entry.attributes,
  };
}

function refusedRoute(
  entry: RibEntry,
  routing: RoutingIntent,
  sessions: ReadonlyMap<string, SessionIntent>,
): RefusedRoute {
  const refusal = refusalOf(entry, routing.localAs);
  const family = entry.prefix.includes(':') ? 6 : 4;
  return { session: entry.protocol, from: entry.from, ...tellRefusal(refusal, sessions.get(entry.protocol), family) };
}

/** Why an import filter of the session refused a route, in words, and the rule that did. */
export function tellRefusal(
  refusal: Refusal | undefined,
  session: SessionIntent | undefined,
  family: Family,
): Pick<RefusedRoute, 'reason' | 'filter'> {
  if (!refusal) return { reason: 'it carries no reason of ours', filter: null };
  const { filter } = refusal;
  if (!filter) return { reason: refusalSentences[refusal.reason], filter: null };
  const names = session?.channels.flatMap((channel) => channel.import.filters) ?? [];
  const name = names.find((one) => filterNameHash(one) === filter.hash) ?? '?';
  const list = `importV${family}`;
  const reason =
    filter.rule === undefined ? `there is no BGPFilter ${name}` : `rule ${list}[${filter.rule}] of BGPFilter/${name}`;
  return { reason, filter: { name, list, rule: filter.rule ?? null } };
}

function kernelState(
  routing: RoutingIntent,
  { kernel, prefix }: RouteEvidence,
  best: RibEntry | undefined,
): RouteExplanation['kernel'] {
  const isInstalled = kernel?.protocol === 'bird';
  const state = { isInstalled, nextHops: kernel?.nextHops ?? [], protocol: kernel?.protocol ?? null };
  if (isInstalled) {
    const paths = kernel.nextHops.length;
    return { ...state, reason: paths > 1 ? `${paths} equal paths: ${routing.multipath.reason}` : 'the best route' };
  }
  const other = kernel ? `the kernel has a route of its own for it (${kernel.protocol}); ` : '';
  if (!best) return { ...state, reason: `${other}BIRD knows no route for it` };
  const rejecting = routing.kernelRejects.find((one) => containsPrefix(one, prefix));
  if (rejecting) return { ...state, reason: `${other}${printPrefix(rejecting)} is kept out of the kernel` };
  if (best.protocol.startsWith('default')) {
    return { ...state, reason: `${other}it is only announced, never used (${kernelFilterName(prefix.family)})` };
  }
  if (best.protocol.startsWith('direct') || best.protocol.startsWith('kernel')) {
    return { ...state, reason: `${other}BIRD has it from the kernel` };
  }
  return { ...state, reason: `${other}BIRD has not put it there, or somebody took it out: see status` };
}

function peerPath(
  routing: RoutingIntent,
  evidence: RouteEvidence,
  best: RibEntry | undefined,
  peer: SessionIntent,
  sessions: ReadonlyMap<string, SessionIntent>,
): PeerPath {
  const isTold = evidence.exportedTo.includes(peer.name);
  const steps: PathStep[] = [];
  for (const one of pathSteps(routing, evidence, best, peer, sessions)) {
    steps.push(one);
    if (!one.passes) break;
  }
  if (isTold) steps.push({ step: 'told', passes: true, sentence: `BIRD tells it to ${peer.description}` });
  else if (steps.every(({ passes }) => passes)) {
    const sentence = 'nothing of the above stops it, and BIRD does not tell it: an update may be under way';
    steps.push({ step: 'told', passes: false, sentence });
  }
  return { session: peer.name, isTold, steps };
}

function* pathSteps(
  routing: RoutingIntent,
  evidence: RouteEvidence,
  best: RibEntry | undefined,
  peer: SessionIntent,
  sessions: ReadonlyMap<string, SessionIntent>,
): Generator<PathStep> {
  const prefix = printPrefix(evidence.prefix);
  if (!best) {
    const [refused] = evidence.refused.map((entry) => refusedRoute(entry, routing, sessions));
    const sentence = refused
      ? `${prefix} is announced by ${refused.session} and refused: ${refused.reason}`
      : `no peer announces ${prefix}, and nothing here makes it`;
    yield { step: 'known', passes: false, sentence };
    return;
  }
  yield { step: 'known', passes: true, sentence: `the best route is of ${best.protocol}` };
  const seen = evidence.sessions.find(({ name }) => name === peer.name);
  const isUp = seen?.state === 'Established';
  const why = seen?.lastError ? `: ${seen.lastError}` : '';
  const state = isUp ? 'is established' : `is ${seen?.state ?? 'not known to BIRD'}${why}`;
  yield { step: 'session', passes: isUp, sentence: `the session to ${printAddress(peer.neighbor)} ${state}` };
  const facts = routeFacts(best, (name) => sessions.has(name));
  if (!facts) return;
  const functions = new Map(compileFunctions(routing).map((one) => [one.name, one]));
  for (const { step, outcome, sentence } of exportSteps(routing, functions, sessions.get(best.protocol), peer, facts)) {
    // Where a function of the user's own decides, what BIRD did is what it decided.
    const passes = outcome === 'opaque' ? evidence.exportedTo.includes(peer.name) : outcome === 'passes';
    yield { step, passes, sentence };
  }
  const { family } = evidence.prefix;
  const limit = peer.channels.find((one) => one.family === family)?.export.limit;
  // A blocked prefix stays out; others that came before it are told all the same.
  if (evidence.exportedTo.includes(peer.name)) return;
  const hit = seen?.channels.find((one) => one.family === family)?.limitsHit.includes('export') ?? false;
  if (limit && hit) {
    yield {
      step: 'limit',
      passes: false,
      sentence: `its export limit of ${limit.prefixes} is reached (${limit.action})`,
    };
  }
}

/**
 * The session meant by its name, its Attachment or BGPPeer, its Site, or its neighbour's address; several where that is not
 * plain.
 */
export function findSessions(routing: RoutingIntent, peer: string, family: Family | undefined): SessionIntent[] {
  const named = routing.sessions.filter(
    (session) =>
      session.name === peer ||
      printAddress(session.neighbor) === peer ||
      siteOf(session) === peer ||
      (session.origin !== undefined && [resourceId(session.origin), session.origin.metadata.name].includes(peer)),
  );
  const carrying = named.filter((session) => session.channels.some((channel) => channel.family === family));
  return family === undefined || carrying.length === 0 ? named : carrying;
}

/** `10.8.0.0/16`, or an address, which stands for itself alone. */
export function parseRoutePrefix(text: string): Prefix | undefined {
  return parsePrefix(text) ?? parsePrefix(`${text}/${text.includes(':') ? 128 : 32}`);
}
