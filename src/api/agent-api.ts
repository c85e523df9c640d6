/**
 * The HTTP API that an agent serves on its socket: what is observed, beside what is wanted.
 *
 *   request → [respond] → response
 *
 * Invariant: reads only; nothing that comes in can change the router. Paths and keys are stable.
 */
import type { RouterStatus } from '../agent/status.ts';
import type { RouterIntent } from '../intent/router-intent.ts';
import type { PacketCount } from '../nftables/read-counters.ts';
import type { Result } from '../result.ts';
import type { Verdict } from '../verdict/verdict.ts';
import { type PeerView, peersView } from './peers-view.ts';
import { type PolicyView, policyView } from './policy-view.ts';
import type { RouteView } from './routes-view.ts';

/** What the API asks of the agent; every read is fresh. */
export interface AgentView {
  status(): RouterStatus;
  /** Undefined before the first complete snapshot. */
  intent(): RouterIntent | undefined;
  routes(): Promise<Result<readonly RouteView[], { readonly message: string }>>;
  /** Packets and bytes by rule comment, from the kernel. */
  counters(): Promise<Result<ReadonlyMap<string, PacketCount>, { readonly message: string }>>;
  /** Answers one packet query, in the machine form of `explain packet`, with the kernel's routes. */
  explainPacket(query: unknown): Promise<Result<Verdict, { readonly message: string }>>;
}

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
}

export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
}

export interface ApiBodies {
  readonly '/v1/status': RouterStatus;
  readonly '/v1/peers': readonly PeerView[];
  readonly '/v1/routes': readonly RouteView[];
  readonly '/v1/policy': PolicyView;
}

export async function respond(view: AgentView, request: ApiRequest): Promise<ApiResponse> {
  const isExplain = request.path === '/v1/explain/packet';
  if (request.method !== (isExplain ? 'POST' : 'GET')) return failure(405, `${request.method} is not possible here`);
  switch (request.path) {
    case '/v1/status':
      return success(view.status());
    case '/v1/peers':
      return withIntent(view, async (intent) => success(peersView(intent, view.status().routing.sessions)));
    case '/v1/routes':
      return fromResult(await view.routes());
    case '/v1/policy':
      return withIntent(view, async (intent) => {
        const counters = await view.counters();
        return counters.ok ? success(policyView(intent, counters.value)) : failure(502, counters.error.message);
      });
    case '/v1/explain/packet':
      return withIntent(view, async () => fromResult(await view.explainPacket(request.body)));
    default:
      return failure(404, `there is nothing at ${request.path}`);
  }
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
