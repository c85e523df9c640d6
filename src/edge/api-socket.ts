/**
 * Serves an HTTP API on a unix socket, which only its owner may open.
 *
 * Invariant: one server for a socket; a file left by a dead server is replaced, a live server's never.
 */
import { unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { ApiRequest, ApiResponse } from '../api/agent-api.ts';
import { err, ok, type Result } from '../result.ts';

export type ApiSocketError =
  | { readonly kind: 'in-use'; readonly path: string }
  | { readonly kind: 'failed'; readonly path: string; readonly message: string };

/** Bytes of a request body at most. */
const maxBody = 64 * 1024 * 1024;
/** Bytes that wait for a client that follows. */
const maxBacklog = 1024 * 1024;

export async function serveApiSocket(
  path: string,
  respond: (request: ApiRequest) => Promise<ApiResponse>,
): Promise<Result<{ close(): Promise<void> }, ApiSocketError>> {
  if (await isServed(path)) return err({ kind: 'in-use', path });
  await unlink(path).catch(() => undefined);
  const server = createServer((request, response) => {
    void answer(request, respond).then(({ status, body, follow }) => {
      response.writeHead(status, { 'content-type': follow ? 'application/x-ndjson' : 'application/json' });
      if (follow) writeLines(response, follow);
      else response.end(`${JSON.stringify(body)}\n`);
    });
  });
  const failure = await listen(server, path);
  if (failure) return err({ kind: 'failed', path, message: failure.message });
  return ok({
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** Until the client goes. One that does not read as fast as lines come misses some, and is told how many. */
function writeLines(response: ServerResponse, follow: NonNullable<ApiResponse['follow']>): void {
  let missed = 0;
  const following = follow((line) => {
    if (response.writableLength > maxBacklog) {
      missed++;
      return;
    }
    if (missed > 0) response.write(`${JSON.stringify({ kind: 'missed', lines: missed })}\n`);
    missed = 0;
    response.write(`${JSON.stringify(line)}\n`);
  });
  response.flushHeaders();
  response.on('close', () => following.close());
}

async function answer(
  request: IncomingMessage,
  respond: (request: ApiRequest) => Promise<ApiResponse>,
): Promise<ApiResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) return { status: 413, body: { error: `a request may have ${maxBody} bytes at most` } };
    chunks.push(chunk);
  }
  try {
    const text = Buffer.concat(chunks).toString();
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://agent');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    return await respond({ method: request.method ?? '', path, parameters: new Map(searchParams), body });
  } catch (error) {
    if (error instanceof SyntaxError) return { status: 400, body: { error: `not JSON: ${error.message}` } };
    return { status: 500, body: { error: 'internal error; the agent goes on' } };
  }
}

/** Whether somebody accepts connections on a unix socket. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    // The socket is made within this call, and must at no instant be open to others.
    const umask = process.umask(0o177);
    server.listen(path, () => resolve(undefined));
    process.umask(umask);
  });
}
