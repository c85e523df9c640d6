/**
 * What a router would do with a prefix, from files alone: which peers it would learn it from, and whom it would tell.
 *
 *   RoutingIntent, RouteQuestion ─[forecastRoute]→ RouteForecast → `explain route -f`
 *
 * Invariant: the filters that are walked are those that BIRD would be given. Which of several routes is the best is not
 * said: that depends on what peers announce. Sessions count as up, limits as not reached, aggregates as absent.
 */
import { compileFunctions } from '../bird/compile.ts';
import { compileImport } from '../bird/compile-import.ts';
import type { BirdFunction, Community } from '../bird/config.ts';
import { evaluateFilter, type RouteFacts } from '../bird/evaluate.ts';
import { sessionProtocolName, staticName } from '../bird/names.ts';
import { readRefusal } from '../intent/routing/refusal-reasons.ts';
import { isInternal, type RoutingIntent, type SessionIntent } from '../intent/routing/routing-intent.ts';
import { equalPrefixes, type Prefix, printPrefix } from '../net/prefix.ts';
import { exportSteps } from './export-steps.ts';
import { type RefusedRoute, tellRefusal } from './route-explanation.ts';

export interface RouteQuestion {
  readonly prefix: Prefix;
  /** Who announces it: these sessions; each of them by itself. */
  readonly from: readonly SessionIntent[];
  /** Who may be told. */
  readonly to: readonly SessionIntent[];
  /** As the peer sends it; undefined is the shortest there is, the peer's own AS. */
  readonly asPath: readonly number[] | undefined;
  readonly communities: readonly Community[];
}

export interface RouteForecast {
  readonly prefix: string;
  /** One for each session that could announce it, and one for a static route of the router's own. */
  readonly routes: readonly ForecastRoute[];
}

export interface ForecastRoute {
  /** Null: the router's own. */
  readonly session: string | null;
  readonly asPath: string;
  readonly learned: Decision & Pick<RefusedRoute, 'filter'>;
  /** Empty where it would not be learned. */
  readonly told: readonly (Decision & { readonly session: string })[];
}

export interface Decision {
  /** `unknown`: a function of the user's own BIRD text decides. */
  readonly outcome: 'yes' | 'no' | 'unknown';
  readonly reason: string;
}

export function forecastRoute(routing: RoutingIntent, question: RouteQuestion): RouteForecast {
  const functions = new Map(compileFunctions(routing).map((one) => [one.name, one]));
  const { prefix } = question;
  const tell = (from: SessionIntent | undefined, route: RouteFacts): ForecastRoute['told'] =>
    question.to.map((peer) => ({ session: peer.name, ...tellOne(routing, functions, from, peer, route) }));
  const own = routing.staticRoutes.filter((route) => equalPrefixes(route.prefix, prefix));
  return {
    prefix: printPrefix(prefix),
    routes: [
      ...own.map(({ target }): ForecastRoute => {
        const discards = target.kind === 'blackhole';
        const route = { ...bare(prefix), source: 'static', protocol: staticName(prefix.family), discards } as const;
        const reason = 'a static route of the router itself';
        return {
          session: null,
          asPath: '',
          learned: { outcome: 'yes', reason, filter: null },
          told: tell(undefined, route),
        };
      }),
      ...question.from.map((session): ForecastRoute => {
        const asPath = question.asPath ?? (isInternal(session) ? [] : [session.remoteAs]);
        const { learned, route } = learnOne(routing, functions, session, question, asPath);
        return { session: session.name, asPath: asPath.join(' '), learned, told: route ? tell(session, route) : [] };
      }),
    ],
  };
}

function bare(prefix: Prefix): Omit<RouteFacts, 'source' | 'protocol' | 'discards'> {
  const none = { localPref: undefined, med: undefined, kernelMetric: undefined };
  return { prefix, interfaceName: '', asPath: [], communities: [], ...none };
}

function learnOne(
  routing: RoutingIntent,
  functions: ReadonlyMap<string, BirdFunction>,
  session: SessionIntent,
  { prefix, communities }: RouteQuestion,
  asPath: readonly number[],
): { readonly learned: ForecastRoute['learned']; readonly route?: RouteFacts } {
  const no = (reason: string) => ({ learned: { outcome: 'no', reason, filter: null } }) as const;
  const channel = session.channels.find(({ family }) => family === prefix.family);
  if (!channel) return no(`the session carries no IPv${prefix.family}`);
  const loops = asPath.filter((as) => as === session.localAs).length;
  if (loops > session.allowLocalAs) return no(`AS ${session.localAs} is our own: a loop (RFC 4271 §9.1.2)`);
  const announced: RouteFacts = {
    ...bare(prefix),
    source: 'bgp',
    protocol: sessionProtocolName(session.name),
    discards: false,
    asPath,
    communities,
    // BIRD's default for what an external peer sends.
    localPref: 100,
  };
  const outcome = evaluateFilter(compileImport(session, channel, routing), functions, announced);
  switch (outcome.kind) {
    case 'accepted':
      return {
        learned: { outcome: 'yes', reason: 'its import filter accepts it', filter: null },
        route: outcome.route,
      };
    case 'refused': {
      const large = outcome.route.communities.flatMap((one) => (one.length === 3 ? [one] : []));
      const refusal = readRefusal(large, routing.localAs);
      return { learned: { outcome: 'no', ...tellRefusal(refusal, session, prefix.family) } };
    }
    case 'opaque': {
      const reason = `the function ${outcome.hook} of your own BIRD text decides, which only BIRD can tell`;
      return { learned: { outcome: 'unknown', reason, filter: null } };
    }
  }
}

function tellOne(
  routing: RoutingIntent,
  functions: ReadonlyMap<string, BirdFunction>,
  from: SessionIntent | undefined,
  peer: SessionIntent,
  route: RouteFacts,
): Decision {
  let decision: Decision = { outcome: 'yes', reason: 'nothing stops it' };
  for (const { outcome, sentence } of exportSteps(routing, functions, from, peer, route)) {
    decision = { outcome: outcome === 'passes' ? 'yes' : outcome === 'stops' ? 'no' : 'unknown', reason: sentence };
  }
  return decision;
}
