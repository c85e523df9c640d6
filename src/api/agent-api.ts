/**
 * The HTTP API that an agent serves on its socket: what is observed, beside what is wanted.
 *
 *   request → [respond] → response
 *
 * Invariant: nothing that comes in can change policy or what may be routed; what is done here is to cut flows that the policy in
 * force denies, to take the router out of service and back, and to let a session run again that a limit has ended. Paths and keys are stable.
 */
import type { RouterIntent } from '../intent/router-intent.ts';
import type { Prefix } from '../net/prefix.ts';
import type { PacketCount } from '../nftables/read-counters.ts';
import type { Result } from '../result.ts';
import { type DrainOrder, type DrainView, parseDrainOrder } from './drain-view.ts';
import type { EstablishedView } from './established-view.ts';
import type { Explanation } from './explanation.ts';
import { type FlowLine, type FlowQuery, type FlowsView, parseFlowQuery } from './flows-view.ts';
import type { LimitView } from './limits-view.ts';
import type { PeerView } from './peers-view.ts';
import { type PolicyView, policyView } from './policy-view.ts';
import { parseRoutePrefix, type RouteExplanation } from './route-explanation.ts';
import { parseRouteRequest, type RouteRequest } from './route-query.ts';
import type { RouteView } from './routes-view.ts';
import type { StatusView } from './status-view.ts';

/** What the API asks of the agent; every read is fresh. */
export interface AgentView {
  status(): StatusView;
  /** Undefined before the first complete snapshot. */
  intent(): RouterIntent | undefined;
  peers(): Promise<Result<readonly PeerView[], { readonly message: string }>>;
  routes(request: RouteRequest): Promise<Result<readonly RouteView[], { readonly message: string }>>;
  /** Lets sessions of the peer run again that a limit has ended; which. */
  clearLimit(peer: string): Promise<Result<readonly string[], { readonly message: string }>>;
  limits(): Promise<Result<readonly LimitView[], { readonly message: string }>>;
  explainRoute(
    prefix: Prefix,
    peer: string | undefined,
  ): Promise<Result<RouteExplanation, { readonly message: string }>>;
  /** Packets and bytes by rule comment, from the kernel. */
  counters(): Promise<Result<ReadonlyMap<string, PacketCount>, { readonly message: string }>>;
  /** Answers one packet query, in the machine form of `explain packet`, with the kernel's routes. */
  explainPacket(query: unknown): Promise<Result<Explanation, { readonly message: string }>>;
  /** Established flows that policy with these manifests, in place of those stored, would deny. */
  planCut(manifests: readonly unknown[]): Promise<Result<EstablishedView, { readonly message: string }>>;
  /** Deletes the established flows that the policy in force denies. */
  cutDenied(): Promise<Result<EstablishedView, { readonly message: string }>>;
  /** Counts packets for a second. */
  drain(): Promise<Result<DrainView, { readonly message: string }>>;
  setDrain(order: DrainOrder): Promise<Result<void, { readonly message: string }>>;
  flows(query: FlowQuery): Promise<FlowsView>;
  /** Writes a line for each record that comes, until it is closed. */
  followFlows(query: FlowQuery, write: (line: FlowLine) => void): { close(): void };
}

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** What stands behind the path's `?`. */
  readonly parameters?: ReadonlyMap<string, string>;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
}

export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
  /** In place of the body: values, each a line of JSON, for as long as the client listens. */
  readonly follow?: (write: (line: unknown) => void) => { close(): void };
}

export interface ApiBodies {
  readonly '/v1/status': StatusView;
  readonly '/v1/peers': readonly PeerView[];
  readonly '/v1/limits': readonly LimitView[];
  readonly '/v1/routes': readonly RouteView[];
  readonly '/v1/explain/route': RouteExplanation;
  readonly '/v1/policy': PolicyView;
  readonly '/v1/flows': FlowsView;
  readonly '/v1/drain': DrainView;
}

const posts: ReadonlySet<string> = new Set([
  '/v1/explain/packet',
  '/v1/limits/clear',
  '/v1/established/plan',
  '/v1/established/cut',
]);

export async function respond(view: AgentView, request: ApiRequest): Promise<ApiResponse> {
  const isKnown = request.method === (posts.has(request.path) ? 'POST' : 'GET') || isDrainOrder(request);
  if (!isKnown) return failure(405, `${request.method} is not possible here`);
  switch (request.path) {
    case '/v1/status':
      return success(view.status());
    case '/v1/peers':
      return withIntent(view, async () => fromResult(await view.peers()));
    case '/v1/limits/clear': {
      const { peer } = (request.body ?? {}) as { readonly peer?: unknown };
      if (typeof peer !== 'string') return failure(400, 'the body must be {"peer": "…"}');
      return withIntent(view, async () => fromResult(await view.clearLimit(peer)));
    }
    case '/v1/limits':
      return withIntent(view, async () => fromResult(await view.limits()));
    case '/v1/routes': {
      const query = parseRouteRequest(request.parameters ?? new Map());
      return query.ok ? fromResult(await view.routes(query.value)) : failure(400, query.error);
    }
    case '/v1/explain/route': {
      const text = request.parameters?.get('prefix') ?? '';
      const prefix = parseRoutePrefix(text);
      if (!prefix) return failure(400, `${JSON.stringify(text)} is no prefix: write 10.8.0.0/16 or 2001:db8::/32`);
      return withIntent(view, async () => fromResult(await view.explainRoute(prefix, request.parameters?.get('peer'))));
    }
    case '/v1/policy':
      return withIntent(view, async (intent) => {
        const counters = await view.counters();
        return counters.ok ? success(policyView(intent, counters.value)) : failure(502, counters.error.message);
      });
    case '/v1/flows': {
      const query = parseFlowQuery(request.parameters ?? new Map());
      if (!query.ok) return failure(400, query.error);
      if (!query.value.follow) return success(await view.flows(query.value));
      return { status: 200, body: undefined, follow: (write) => view.followFlows(query.value, write) };
    }
    case '/v1/drain': {
      if (!isDrainOrder(request)) return fromResult(await view.drain());
      const order = parseDrainOrder(request.body);
      if (!order.ok) return failure(400, order.error);
      const done = await view.setDrain(order.value);
      return done.ok ? success(view.status().drain) : failure(502, done.error.message);
    }
    case '/v1/explain/packet':
      return withIntent(view, async () => fromResult(await view.explainPacket(request.body)));
    case '/v1/established/plan': {
      const manifests: unknown = request.body;
      if (!Array.isArray(manifests)) return failure(400, 'the body must be a JSON array of resources');
      return fromResult(await view.planCut(manifests));
    }
    case '/v1/established/cut':
      return fromResult(await view.cutDenied());
    default:
      return failure(404, `there is nothing at ${request.path}`);
  }
}

function isDrainOrder({ method, path }: ApiRequest): boolean {
  return method === 'POST' && path === '/v1/drain';
}

async function withIntent(
  view: AgentView,
  answer: (intent: RouterIntent) => Promise<ApiResponse>,
): Promise<ApiResponse> {
  const intent = view.intent();
  if (intent === undefined) return failure(503, 'the agent has not seen a complete snapshot with this router yet');
  return answer(intent);
}

function fromResult(result: Result<unknown, { readonly message: string }>): ApiResponse {
  return result.ok ? success(result.value) : failure(502, result.error.message);
}

function success(body: unknown): ApiResponse {
  return { status: 200, body };
}

function failure(status: number, error: string): ApiResponse {
  return { status, body: { error } };
}
