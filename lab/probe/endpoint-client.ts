/**
 * Talking to the endpoint process of a node (endpoint.mjs): one connection per node, many requests at a time.
 *
 * Invariant: every request ends, with the endpoint's answer or with LabFailure when the endpoint is gone.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { eventually } from '../eventually.ts';
import type { NodeContext } from '../nodes/node.ts';
import { packageRoot } from '../package-root.ts';
import { LabFailure, readLog, start } from '../sandbox/run.ts';
import { pathInside, type Sandbox } from '../sandbox/sandbox.ts';

export interface ProbeTarget {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Milliseconds until a probe counts as unanswered. */
  readonly timeout: number;
}

export interface ProbeAnswer {
  readonly answered: boolean;
  readonly ms: number;
  /** `echo`, an errno name, or what was missing. */
  readonly detail: string;
}

export interface Attempt {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly answeredAt: number | null;
}

/** One TCP connection that carries bytes there and back. */
export interface Transfer {
  readonly sent: number;
  readonly received: number;
  /** What went wrong with it: an errno name, or that bytes came back changed. */
  readonly fault: string | null;
  readonly ended: boolean;
}

export interface Endpoint {
  probe(target: ProbeTarget): Promise<ProbeAnswer>;
  /** Sends at a steady pace until closed; `every` in milliseconds. */
  openStream(id: string, target: ProbeTarget, every: number): Promise<void>;
  readStream(id: string): Promise<readonly Attempt[]>;
  closeStream(id: string): Promise<readonly Attempt[]>;
  /** Connects and writes steadily, until told to end. */
  openTransfer(id: string, address: string, port: number): Promise<void>;
  readTransfer(id: string): Promise<Transfer>;
  /** Writes no more, and closes when the rest has gone out. */
  endTransfer(id: string): Promise<void>;
  close(): void;
}

/** Where the endpoint of a node listens, inside. */
export const endpointSocket = (node: string) => `/run/lab/${node}.endpoint`;

/** Starts a node's endpoint process and waits until it answers. */
export async function startEndpoint({ sandbox, name, spec }: NodeContext): Promise<void> {
  const { tcp, udp } = spec.type === 'bridge' ? { tcp: [], udp: [] } : spec.services;
  const ports = (list: readonly number[]): string => (list.length === 0 ? '-' : list.join(','));
  const program = `${packageRoot()}/lab/probe/endpoint.mjs`;
  // Before others: what waits for a CPU here would count as the network's.
  const command = ['nice', '-n', '-10', 'node', program, name, endpointSocket(name), ports(tcp), ports(udp)];
  start(sandbox, name, `${name}-endpoint`, command);
  const endpoint = await eventually(
    () => connectEndpoint(sandbox, name).catch(() => undefined),
    (found) => found !== undefined,
    { within: 10_000, every: 25 },
  );
  if (!endpoint) throw new LabFailure(`${name}: its endpoint does not answer: ${readLog(sandbox, `${name}-endpoint`)}`);
  endpoint.close();
}

/** Connects to the endpoint of a node. */
export async function connectEndpoint(sandbox: Sandbox, node: string): Promise<Endpoint> {
  const socket = await open(pathInside(sandbox, endpointSocket(node)));
  const waiting = new Map<number, { resolve(answer: never): void; reject(error: Error): void }>();
  let seq = 0;
  createInterface({ input: socket }).on('line', (line) => {
    const answer = JSON.parse(line) as { seq: number };
    waiting.get(answer.seq)?.resolve(answer as never);
    waiting.delete(answer.seq);
  });
  const fail = (): void => {
    for (const { reject } of waiting.values()) reject(new LabFailure(`the endpoint of ${node} is gone`));
    waiting.clear();
  };
  socket.on('error', fail).on('close', fail);

  function ask<T>(request: Readonly<Record<string, unknown>>): Promise<T> {
    return new Promise((resolve, reject) => {
      const number = seq++;
      waiting.set(number, { resolve, reject });
      if (socket.destroyed) fail();
      else socket.write(`${JSON.stringify({ seq: number, ...request })}\n`);
    });
  }

  return {
    probe: (target) => ask({ op: 'probe', ...target }),
    openStream: async (id, target, every) => {
      await ask({ op: 'open-stream', id, every, ...target });
    },
    readStream: async (id) => (await ask<{ attempts: Attempt[] }>({ op: 'read-stream', id })).attempts,
    closeStream: async (id) => (await ask<{ attempts: Attempt[] }>({ op: 'close-stream', id })).attempts,
    openTransfer: async (id, address, port) => {
      await ask({ op: 'open-transfer', id, address, port });
    },
    readTransfer: (id) => ask({ op: 'read-transfer', id }),
    endTransfer: async (id) => {
      await ask({ op: 'end-transfer', id });
    },
    close: () => socket.destroy(),
  };
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
