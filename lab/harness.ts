/**
 * A lab under one's hand: bring it up, look at it, break it, take it down. For tests, the demo and `causeway lab`.
 *
 *   openLab(file) → RunningLab → expectSessions, expectRoutes, expectPackets …, each polled until it holds or time is up
 *
 * Invariant: checks never sleep for a guessed time, and a check that does not hold comes back with what was seen.
 */
import { readFileSync } from 'node:fs';
import { bringUp, type Progress } from './bring-up.ts';
import { type LinkRow, readLinks } from './checks/links.ts';
import { type Endpoints, openEndpoints, type PacketRow, probePackets } from './checks/packets.ts';
import { type PathRow, readPaths } from './checks/paths.ts';
import { type Owners, type RouteRow, readOwners, readRouteChecks } from './checks/routes.ts';
import { readSessions, type SessionRow } from './checks/sessions.ts';
import { eventually } from './eventually.ts';
import { keepEvidence } from './evidence.ts';
import { startAgent } from './nodes/router.ts';
import { causewayProgram } from './package-root.ts';
import { cutPower, processesIn, restorePower } from './power.ts';
import { type Finished, LabFailure, type RunOptions, run } from './sandbox/run.ts';
import { findSandbox, type Ownership, pathInside, type Sandbox, startSandbox, stopSandbox } from './sandbox/sandbox.ts';
import { type Lab, printLabFileErrors, readLab } from './topology/lab-file.ts';
import type { PacketCheck, PathCheck, RouteCheck } from './topology/lab-schema.ts';
import { causewayFor } from './topology/stores.ts';

/** Milliseconds a check may take to come true unless said otherwise. */
const patience = 30_000;

export interface RunningLab {
  readonly lab: Lab;
  readonly sandbox: Sandbox;
  readonly endpoints: Endpoints;
  /** Runs a program in a node's network namespace. */
  exec(node: string, argv: readonly string[], options?: Omit<RunOptions, 'node'>): Promise<Finished>;
  /** Runs `causeway` in the sandbox, where the agents' stores and sockets are: on the shared store, or on that of a router. */
  causeway(argv: readonly string[], options?: RunOptions & { readonly router?: string }): Promise<Finished>;
  /** Waits until every router says that all of its links are up. */
  links(within?: number): Promise<readonly LinkRow[]>;
  /** Waits until every node has its BGP sessions; the rows say which were missing. */
  sessions(within?: number): Promise<readonly SessionRow[]>;
  /** Waits until the kernels hold the routes. */
  routes(checks?: readonly RouteCheck[], within?: number): Promise<readonly RouteRow[]>;
  /** Sends all probes until one round of them is as expected: what is allowed passes while what is denied does not. */
  packets(checks?: readonly PacketCheck[], within?: number): Promise<readonly PacketRow[]>;
  /** Waits until probes and their answers pass the routers they should, counted where they are forwarded. */
  paths(checks?: readonly PathCheck[], within?: number): Promise<readonly PathRow[]>;
  /** Starts the agent of a router (again). */
  startAgent(router: string): void;
  /** Process id of a router's agent inside the sandbox; undefined when none runs. */
  agentProcess(router: string): Promise<number | undefined>;
  /** Process id of its BIRD. */
  birdProcess(router: string): Promise<number | undefined>;
  /** Signals a process by its id inside the sandbox; no error when it is gone. */
  signal(pid: number, signal: NodeJS.Signals): Promise<void>;
  /** A node dies at once and says no word to anyone: links down, every process of its network namespace killed. */
  cutPower(node: string): Promise<void>;
  /** A router that lost its power boots again: nothing of what its memory held is there, and its programs answer. */
  restorePower(router: string): Promise<void>;
  /** Rules, routes, sessions and logs, in a folder on the host. */
  evidence(): Promise<string>;
  down(): Promise<void>;
}

/** Reads a lab file, or throws LabFailure with all its errors. */
export function loadLab(path: string): Lab {
  const lab = readLab(path);
  if (lab.ok) return lab.value;
  throw new LabFailure(printLabFileErrors(lab.error));
}

/** Brings a lab up. On failure nothing stays behind, except evidence in a folder that the message names. */
export async function openLab(lab: Lab, ownership: Ownership = 'owned', progress?: Progress): Promise<RunningLab> {
  const sandbox = await startSandbox(lab.name, lab.file, ownership);
  if (!sandbox.ok) throw new LabFailure(sandbox.error.message);
  try {
    await bringUp(lab, sandbox.value, progress);
  } catch (error) {
    const folder = await keepEvidence(lab, sandbox.value);
    await stopSandbox(sandbox.value);
    if (error instanceof LabFailure) throw new LabFailure(`${error.message}\nevidence is in ${folder}`);
    throw error;
  }
  return attach(lab, sandbox.value);
}

/** Takes hold of a lab that is up already. */
export function attachLab(lab: Lab): RunningLab {
  const sandbox = findSandbox(lab.name);
  if (sandbox) return attach(lab, sandbox);
  throw new LabFailure(`lab ${lab.name} is not up: start it with \`causeway lab up ${lab.file}\``);
}

function attach(lab: Lab, sandbox: Sandbox): RunningLab {
  const endpoints = openEndpoints(sandbox);
  let owners: Owners | undefined;
  return {
    lab,
    sandbox,
    endpoints,
    exec: (node, argv, options) => run(sandbox, argv, { ...options, node }),
    causeway: (argv, { router, ...options } = {}) =>
      run(sandbox, router === undefined ? [causewayProgram(), ...argv] : causewayFor(lab, router, argv), options),

    links: (within = patience) =>
      eventually(
        () => readLinks(lab, sandbox),
        (rows) => rows.every((row) => row.passed),
        { within, every: 200 },
      ),

    sessions: (within = patience) =>
      eventually(
        () => readSessions(lab, sandbox),
        (rows) => rows.every((row) => row.passed),
        { within, every: 200 },
      ),

    async routes(checks = lab.spec.checks.routes, within = patience) {
      const known = owners ?? (await readOwners(lab, sandbox));
      owners = known;
      return eventually(
        () => readRouteChecks(lab, sandbox, known, checks),
        (rows) => rows.every((row) => row.passed),
        { within, every: 200 },
      );
    },

    packets: (checks = lab.spec.checks.packets, within = patience) =>
      eventually(
        () => probePackets(lab, endpoints, checks),
        (rows) => rows.every((row) => row.passed),
        { within, every: 100 },
      ),

    paths: (checks = lab.spec.checks.paths, within = patience) =>
      eventually(
        () => readPaths(lab, sandbox, endpoints, checks),
        (rows) => rows.every((row) => row.passed),
        { within, every: 200 },
      ),

    startAgent: (router) => startAgent(lab, sandbox, router),

    cutPower: (node) => cutPower(sandbox, node),

    async restorePower(router) {
      await restorePower(lab, sandbox, router);
      endpoints.forget(router);
    },

    async agentProcess(router) {
      for (const pid of await processesIn(sandbox, router)) {
        const argv = readFileSync(pathInside(sandbox, `/proc/${pid}/cmdline`), 'utf8').split('\0');
        if (argv.includes('agent') && argv.includes(router)) return Number(pid);
      }
      return undefined;
    },

    async birdProcess(router) {
      for (const pid of await processesIn(sandbox, router)) {
        if (readFileSync(pathInside(sandbox, `/proc/${pid}/comm`), 'utf8').trim() === 'bird') return Number(pid);
      }
      return undefined;
    },

    async signal(pid, signal) {
      await run(sandbox, ['kill', `-${signal.replace(/^SIG/, '')}`, String(pid)]);
    },

    evidence: () => keepEvidence(lab, sandbox),

    async down() {
      endpoints.close();
      const stopped = await stopSandbox(sandbox);
      if (!stopped.ok) throw new LabFailure(stopped.error.message);
    },
  };
}
