/**
 * Asks an agent over its socket.
 */
import { request as httpRequest } from 'node:http';
import type { ApiBodies } from '../api/agent-api.ts';
import type { DrainOrder } from '../api/drain-view.ts';
import type { EstablishedView } from '../api/established-view.ts';
import type { Explanation } from '../api/explanation.ts';
import { err, ok, type Result } from '../result.ts';

export type AgentClientError =
  /** Nobody serves the socket. */
  | { readonly kind: 'unreachable'; readonly socket: string; readonly message: string }
  /** The agent answered that it cannot. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

const timeoutMs = 10_000;
/** A table of flows may hold a million. */
const longTimeoutMs = 300_000;

/** `parameters` without those that are undefined. */
export function readFromAgent<P extends keyof ApiBodies>(
  socket: string,
  path: P,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Promise<Result<ApiBodies[P], AgentClientError>> {
  const given = Object.entries(parameters).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const query = new URLSearchParams(Object.fromEntries(given)).toString();
  return askAgent(socket, 'GET', query === '' ? path : `${path}?${query}`, undefined) as Promise<
    Result<ApiBodies[P], AgentClientError>
  >;
}

/** Asks for a verdict on the live router; the query is the machine form of `explain packet`. */
export function explainPacketAt(socket: string, query: unknown): Promise<Result<Explanation, AgentClientError>> {
  return askAgent(socket, 'POST', '/v1/explain/packet', query) as Promise<Result<Explanation, AgentClientError>>;
}

/** Established flows that would be denied with these manifests applied; nothing is changed. */
export function planCutAt(
  socket: string,
  manifests: readonly unknown[],
): Promise<Result<EstablishedView, AgentClientError>> {
  return askAgent(socket, 'POST', '/v1/established/plan', manifests, longTimeoutMs) as Promise<
    Result<EstablishedView, AgentClientError>
  >;
}

/** Deletes the established flows that the policy in force denies. */
export function cutDeniedAt(socket: string): Promise<Result<EstablishedView, AgentClientError>> {
  return askAgent(socket, 'POST', '/v1/established/cut', undefined, longTimeoutMs) as Promise<
    Result<EstablishedView, AgentClientError>
  >;
}

/** Takes the router out of service, or back; it is kept before this resolves. */
export function orderDrainAt(socket: string, order: DrainOrder): Promise<Result<unknown, AgentClientError>> {
  return askAgent(socket, 'POST', '/v1/drain', order);
}

/** Lets a peer's sessions run again that a limit has ended; which. */
export function clearLimitAt(socket: string, peer: string): Promise<Result<readonly string[], AgentClientError>> {
  return askAgent(socket, 'POST', '/v1/limits/clear', { peer }) as Promise<Result<readonly string[], AgentClientError>>;
}

/** Asks once, and gives the answer whole. */
export function askAgent(
  socket: string,
  method: string,
  path: string,
  body: unknown,
  timeout = timeoutMs,
): Promise<Result<unknown, AgentClientError>> {
  return new Promise((resolve) => {
    const unreachable = (message: string) => resolve(err({ kind: 'unreachable', socket, message }));
    const request = httpRequest({ socketPath: socket, method, path, timeout }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => unreachable(error.message));
      response.on('end', () => {
        try {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString());
          if (response.statusCode === 200) return resolve(ok(answer));
          const message = (answer as { error?: string }).error ?? 'no reason given';
          resolve(err({ kind: 'refused', status: response.statusCode ?? 0, message }));
        } catch {
          unreachable('the answer is not JSON');
        }
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => unreachable(error.code ?? error.message));
    request.on('timeout', () => {
      unreachable(`no answer within ${timeout} ms`);
      request.destroy();
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
