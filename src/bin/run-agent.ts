/**
 * One router's agent as a process: ports wired to edges, its socket, its signals.
 *
 * Invariant: ending, however it happens, leaves forwarding, policy, BIRD and links as they are.
 */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningAgent, startAgent } from '../agent/loop.ts';
import type { AgentPorts, LogSink } from '../agent/ports.ts';
import { respond } from '../api/agent-api.ts';
import { serveApiSocket } from '../edge/api-socket.ts';
import { createAppliedFile } from '../edge/applied-file.ts';
import { readBirdAbout } from '../edge/bird-about.ts';
import { createBirdDaemon } from '../edge/bird-process.ts';
import { createBirdSnippets } from '../edge/bird-snippets.ts';
import { conntrackdFiles, createConntrackd } from '../edge/conntrackd-process.ts';
import { withholdDump } from '../edge/core-file.ts';
import { createDrainFile } from '../edge/drain-file.ts';
import { openEmbeddedStore } from '../edge/embedded-store.ts';
import { checkPrivilege } from '../edge/host-checks.ts';
import { createLinuxHost } from '../edge/linux-host.ts';
import { keepMemoryLow } from '../edge/memory.ts';
import { openPacketFilter } from '../edge/nft.ts';
import { openRouterStore } from '../edge/router-store.ts';
import { createSecretFiles } from '../edge/secret-files.ts';
import { systemClock, timestamp } from '../edge/system-clock.ts';
import { createTableReader } from '../edge/table-reader.ts';
import { createAgentView } from './agent-view.ts';
import { keepLinks, type LinksKeeper } from './keep-links.ts';
import { keepStateSync } from './keep-state-sync.ts';
import { createLinkDrivers } from './link-drivers.ts';
import { reportNodeStatus } from './report-node-status.ts';
import { watchFlows } from './watch-flows.ts';

export interface RunAgentOptions {
  readonly router: string;
  readonly version: string;
  /** Reconcile once, then end. */
  readonly once: boolean;
  readonly storeFolder: string;
  /** `<runFolder>/<router>/` holds sockets and BIRD's files. */
  readonly runFolder: string;
  /** `<stateFolder>/<router>/applied.json` and `drain.json`. */
  readonly stateFolder: string;
  readonly secretsFolder: string;
  /** The user's own BIRD text. */
  readonly birdFolder: string;
  readonly log: LogSink;
}

export type AgentEnd =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'converged' }
  | { readonly kind: 'not-converged'; readonly message: string }
  | { readonly kind: 'already-running'; readonly socket: string }
  | { readonly kind: 'failed'; readonly message: string };

/** How long `--once` waits for the router to be as desired, in ms. */
const onceTimeoutMs = 60_000;
const onceLookMs = 50;

export async function runAgent(options: RunAgentOptions): Promise<AgentEnd> {
  const { router, log } = options;
  const privilege = await checkPrivilege();
  if (privilege.result === 'error') {
    return { kind: 'failed', message: `a router cannot be run: ${privilege.found}; ${privilege.fix}` };
  }
  await withholdDump('self');
  const runFolder = join(options.runFolder, router);
  const stateFolder = join(options.stateFolder, router);
  try {
    await mkdir(runFolder, { recursive: true, mode: 0o755 });
  } catch (error) {
    return { kind: 'failed', message: `the run folder ${runFolder} cannot be made: ${(error as Error).message}` };
  }
  const stopped = untilSignal();
  const stamps = { now: timestamp, newUid: randomUUID };
  const store = openRouterStore(() => openEmbeddedStore(options.storeFolder, { mustExist: true }), stamps);
  const ports: AgentPorts = {
    filter: openPacketFilter(),
    table: createTableReader(),
    bird: createBirdDaemon({ dir: runFolder, log: (message, fields) => log.write('info', message, fields) }),
    host: createLinuxHost(),
    secrets: createSecretFiles(options.secretsFolder, (path, reason) =>
      log.write('warn', 'a secret cannot be used; sessions and tunnels that need it stay down', { path, reason }),
    ),
    applied: createAppliedFile(join(stateFolder, 'applied.json'), router, (error) =>
      log.write('warn', 'that this machine is a router cannot be noted; it is tried again', { error }),
    ),
    drain: createDrainFile(join(stateFolder, 'drain.json')),
    snippets: createBirdSnippets(options.birdFolder),
    status: store.status,
    snapshots: store.snapshots,
    clock: systemClock,
    log,
  };

  // The socket is the lock: a second agent for this router would fight the first one.
  const socket = join(runFolder, 'agent.sock');
  const gate: { respond: Parameters<typeof serveApiSocket>[1] } = {
    respond: async () => ({ status: 503, body: { error: 'the agent is starting' } }),
  };
  const served = await serveApiSocket(socket, (request) => gate.respond(request));
  if (!served.ok) {
    await store.close();
    if (served.error.kind === 'in-use') return { kind: 'already-running', socket };
    return { kind: 'failed', message: `the socket ${socket} cannot be served: ${served.error.message}` };
  }
  const startedAt = new Date().toISOString();
  const agent = await startAgent(router, { version: options.version, pid: process.pid, startedAt }, ports);
  const links = keepLinks(agent, createLinkDrivers({ router, runFolder, stateFolder }), ports);
  const sync = keepStateSync(agent, createConntrackd({ dir: runFolder }), conntrackdFiles(runFolder), ports);
  const flows = await watchFlows(agent, ports, () => sync.status()?.isShared ?? false);
  const reports = reportNodeStatus(router, agent, {
    ...ports,
    about: () => readBirdAbout(runFolder),
    write: store.writeNodeStatus,
  });
  const view = createAgentView(agent, ports, flows, sync);
  gate.respond = (request) => respond(view, request);
  log.write('info', 'agent started', { router, pid: process.pid, socket });

  const memory = keepMemoryLow(() => (agent.isConverged() ? agent.intent() : undefined));

  const end: AgentEnd = options.once
    ? await untilConverged(agent, links)
    : await stopped.then((signal) => {
        log.write('info', 'agent stops; forwarding, policy, BIRD and links stay as they are', { signal });
        return { kind: 'stopped' };
      });
  flows.close();
  await sync.close();
  await links.close();
  await reports.close();
  memory.close();
  await agent.stop();
  ports.filter.close();
  ports.table.close();
  await served.value.close();
  await store.close();
  return end;
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(signal));
  });
}

function untilConverged(agent: RunningAgent, links: LinksKeeper): Promise<AgentEnd> {
  const deadline = Date.now() + onceTimeoutMs;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const pending = agent.isConverged() ? links.pendingReason() : undefined;
      const isDone = agent.isConverged() && pending === undefined;
      if (!isDone && Date.now() < deadline) return;
      clearInterval(timer);
      const message = pending ?? agent.status().lastError?.message ?? 'no complete snapshot with this router was seen';
      resolve(isDone ? { kind: 'converged' } : { kind: 'not-converged', message });
    }, onceLookMs);
  });
}
