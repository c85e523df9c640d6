/**
 * Asks an agent for flow records, and follows them.
 */
import { request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';
import type { FlowLine, FlowsView } from '../api/flows-view.ts';
import type { Result } from '../result.ts';
import { type AgentClientError, askAgent } from './agent-client.ts';

export interface FlowsAsked {
  readonly denied: boolean;
  readonly staged: boolean;
  /** RFC 3339. */
  readonly since: string | undefined;
}

export function readFlowsFrom(socket: string, asked: FlowsAsked): Promise<Result<FlowsView, AgentClientError>> {
  return askAgent(socket, 'GET', pathOf(asked, false), undefined) as Promise<Result<FlowsView, AgentClientError>>;
}

/** Why following ended. */
export type FollowEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  /** The agent went away, or was not there; `wasThere` says which. */
  | { readonly kind: 'gone'; readonly wasThere: boolean };

/** Calls back for each line until the agent goes or `signal` stops it. */
export function followFlowsFrom(
  socket: string,
  asked: FlowsAsked,
  signal: AbortSignal,
  hear: { readonly onOpen: () => void; readonly onLine: (line: FlowLine) => void },
): Promise<FollowEnd> {
  return new Promise((resolve) => {
    let wasThere = false;
    const end = () => resolve(signal.aborted ? { kind: 'stopped' } : { kind: 'gone', wasThere });
    const request = httpRequest({ socketPath: socket, path: pathOf(asked, true), signal }, (response) => {
      const { statusCode = 0 } = response;
      const lines = createInterface({ input: response });
      response.on('error', end);
      response.on('close', end);
      lines.on('error', end);
      if (statusCode !== 200) {
        lines.once('line', (text) => resolve({ kind: 'refused', status: statusCode, message: reasonIn(text) }));
        return;
      }
      wasThere = true;
      hear.onOpen();
      lines.on('line', (text) => hear.onLine(JSON.parse(text) as FlowLine));
    });
    request.on('error', end);
    request.end();
  });
}

function reasonIn(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? 'no reason given';
  } catch {
    return 'no reason given';
  }
}

function pathOf({ denied, staged, since }: FlowsAsked, follow: boolean): string {
  const parameters = new URLSearchParams();
  for (const [key, isAsked] of Object.entries({ denied, staged, follow })) if (isAsked) parameters.set(key, 'true');
  if (since !== undefined) parameters.set('since', since);
  return `/v1/flows?${parameters}`;
}
