/**
 * The peak memory of an agent, and of a conntrackd that knows a number of flows.
 *
 *   resources, flows → [daemon-memory] → a process in a namespace → bytes
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readFromAgent } from '../../src/client/agent-client.ts';
import { compileConntrackd, printConntrackd } from '../../src/conntrackd/config.ts';
import { conntrackdFiles } from '../../src/edge/conntrackd-process.ts';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { AnyResource } from '../../src/resources/resource.ts';
import { createResourceStore } from '../../src/store/resource-store.ts';
import { addNamespaces, runBatch, runIn } from '../kernel/sandbox.ts';
import { routerName } from '../policy-resources.ts';
import { peakBytes } from '../process-usage.ts';
import { endProcess, makeHubNetwork, startBird, startInside, untilRoutes } from '../routing/hub-network.ts';
import { birdProcess } from '../routing/live-hub.ts';
import { describeSpokes, type SpokeSize, writeSpokes } from '../routing/spokes.ts';
import { enterFlows } from './kernel-objects.ts';

const causeway = resolve('bin/causeway');
const longestWaitMs = 60_000;
/** What follows a start: the table read back, garbage collected. */
const settleMs = 3_000;
/** The agent reads the kernel's routes again some seconds after they stopped moving. */
const routesSettleMs = 8_000;

/** Builds the program, so that no agent does that within its own memory. */
export function buildProgram(): void {
  execFileSync(causeway, ['version'], { stdio: 'ignore' });
}

/** An agent from its start until it is in sync, and a little longer. Interfaces are pairs that carry nothing. */
export async function measureAgent(
  name: string,
  resources: readonly AnyResource[],
  interfaces: readonly string[],
): Promise<number> {
  const folder = await fillStore(name, resources);
  addNamespaces([name]);
  const links = interfaces.map((end, at) => `link add ${end} type veth peer name other${at}`);
  runBatch(name, ['link set lo up', ...links, ...interfaces.map((end) => `link set ${end} up`)]);
  const agent = startAgent(name, folder);
  try {
    await untilInSync(name, folder);
    await pause(settleMs);
    return peakBytes(agent.pid);
  } finally {
    await endAgent(agent, folder);
  }
}

/** The same with the agent's own BIRD, spokes that announce, and all routes in the kernel, which the agent looks at. */
export async function measureAgentOfHub(
  name: string,
  size: SpokeSize,
  resources: readonly AnyResource[] = describeSpokes(size),
): Promise<number> {
  const folder = await fillStore(name, resources);
  const network = makeHubNetwork(name, size);
  const spokes = startBird(network.spokes, writeSpokes(size));
  const agent = startAgent(network.hub, folder);
  try {
    await untilRoutes(network, size.spokes * size.prefixesPerSpoke, [agent, spokes]);
    await untilInSync(name, folder);
    await pause(routesSettleMs);
    return peakBytes(agent.pid);
  } finally {
    await endAgent(agent, folder);
    await endProcess(spokes);
    network.remove();
  }
}

async function fillStore(name: string, resources: readonly AnyResource[]): Promise<string> {
  const folder = mkdtempSync(`/run/${name}-`);
  const opened = await openEmbeddedStore(join(folder, 'store'));
  if (!opened.ok) throw new Error('the store of the benchmark cannot be opened');
  const store = createResourceStore(opened.value, { now: () => new Date().toISOString(), newUid: () => 'bench' });
  const applied = await store.applyAll(resources);
  if (!applied.ok) throw new Error('the store refused the resources of the benchmark');
  await opened.value.close();
  return folder;
}

function startAgent(namespace: string, folder: string): ChildProcess {
  return startInside(namespace, [causeway, 'agent', '--router', routerName, '--log-format', 'json'], {
    CAUSEWAY_NO_BUILD: '1',
    CAUSEWAY_STORE: join(folder, 'store'),
    CAUSEWAY_RUN_DIR: join(folder, 'run'),
    CAUSEWAY_STATE_DIR: join(folder, 'state'),
    CAUSEWAY_SECRETS_DIR: join(folder, 'secrets'),
  });
}

function untilInSync(name: string, folder: string): Promise<void> {
  return until(`the agent of ${name} in sync`, async () => {
    const status = await readFromAgent(join(folder, 'run', routerName, 'agent.sock'), '/v1/status');
    return status.ok && status.value.policy.inSync;
  });
}

/** With its BIRD, which would outlive it. */
async function endAgent(agent: ChildProcess, folder: string): Promise<void> {
  await endProcess(agent);
  const bird = birdProcess(folder);
  if (bird !== undefined) process.kill(bird, 'SIGKILL');
}

/** conntrackd with our configuration and no other router, after it was told of so many flows. */
export async function measureConntrackd(flows: number): Promise<number> {
  const name = `sync${flows}`;
  addNamespaces([name]);
  runBatch(name, [
    'link set lo up',
    'link add link0 type veth peer name link1',
    'address add 172.16.0.0/31 dev link0',
    'link set link1 up',
    'link set link0 up',
  ]);
  const files = conntrackdFiles(mkdtempSync(`/run/${name}-`));
  const [local, other] = ['172.16.0.0', '172.16.0.1'].map(parseAddress);
  if (!local || !other) throw new RangeError('two ends');
  const peers = [{ router: 'other', address: other }];
  const config = compileConntrackd({ interfaceName: 'link0', local, peers, port: 3780 }, files);
  if (!config) throw new RangeError('no configuration');
  writeFileSync(files.config, printConntrackd(config));
  const daemon = startInside(name, ['conntrackd', '-C', files.config]);
  try {
    const known = () => {
      try {
        return Number(/active connections:\s+(\d+)/.exec(runIn(name, 'conntrackd', ['-C', files.config, '-s']))?.[1]);
      } catch {
        return -1; // it does not listen yet
      }
    };
    await until('conntrackd to answer', async () => known() >= 0);
    if (flows > 0) enterFlows(name, flows);
    await until(`conntrackd to know ${flows} flows`, async () => known() >= flows);
    return peakBytes(daemon.pid);
  } finally {
    await endProcess(daemon);
    runBatch(undefined, [`netns delete ${name}`]);
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + longestWaitMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${longestWaitMs / 1000} s for ${what}`);
    await pause(50);
  }
}
