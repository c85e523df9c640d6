/**
 * One router's agent as a process, at the size it is meant for: start, memory, idle, and how long a change in the store takes
 * until the kernel has it.
 *
 *   store ─commit─▶ agent (another process) ─▶ kernel ─notification─▶ [agent-part] → AgentReport
 *
 * The clock of a change starts before it is committed to the store and stops when the kernel tells of the first element or rule
 * that it changed: store, wake-up, agent and kernel are in it.
 * Invariant: a change counts only if the kernel told of it; a change that it never told of ends the run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readFromAgent } from '../../src/client/agent-client.ts';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import { type NetlinkSocket, openNetlinkSocket } from '../../src/edge/netlink-socket.ts';
import { subsystems } from '../../src/netlink/message.ts';
import type { AnyResource } from '../../src/resources/resource.ts';
import { createResourceStore, type ResourceStore } from '../../src/store/resource-store.ts';
import { enterNamespace } from '../kernel/libc.ts';
import { addNamespaces, namespacePath, runBatch } from '../kernel/sandbox.ts';
import type { BenchOptions } from '../options.ts';
import { describePolicies, describePolicy, describeWorkload, routerName } from '../policy-resources.ts';
import { cpuTicks, residentMiB, ticksPerSecond } from '../process-usage.ts';
import type { Progress } from '../progress.ts';
import type { AgentReport } from '../report.ts';
import { percentile, summarize } from '../statistics.ts';
import { appName, type HubSize, hubAddress, hubInterfaces, hubRules, hubSizes, hubWorkloads } from './hub.ts';

const extents = {
  quick: { labels: 50, edits: 10, settleSeconds: 3, idleSeconds: 3, sustainedSeconds: 3, perSecond: 1000 },
  whole: { labels: 500, edits: 100, settleSeconds: 30, idleSeconds: 30, sustainedSeconds: 20, perSecond: 1000 },
} as const;

const causeway = resolve('bin/causeway');
/** Of NFNLGRP_NFTABLES, as a mask. */
const nftablesGroup = 1 << 6;
const nftMessages = { newRule: 6, newElement: 12, newSet: 9 } as const;
const longestWaitMs = 60_000;

interface Bench {
  readonly size: HubSize;
  readonly store: ResourceStore;
  readonly events: NetlinkSocket;
  readonly agent: ChildProcess;
  readonly apps: number[];
}

export async function measureAgentPart(options: BenchOptions, progress: Progress): Promise<AgentReport> {
  const extent = options.isQuick ? 'quick' : 'whole';
  const { labels, edits, settleSeconds, idleSeconds, sustainedSeconds, perSecond } = extents[extent];
  const size = hubSizes[extent];
  const folder = mkdtempSync('/run/agent-');
  const opened = await openEmbeddedStore(join(folder, 'store'));
  if (!opened.ok) throw new Error('the store of the benchmark cannot be opened');
  const store = createResourceStore(opened.value, { now: () => new Date().toISOString(), newUid: () => 'bench' });
  const resources = describePolicy(hubRules(size), hubWorkloads(size), hubInterfaces(size));
  progress.show('agent: filling the store', 0, 1);
  const filledAt = performance.now();
  const applied = await store.applyAll(resources);
  if (!applied.ok) throw new Error('the store refused the resources of the benchmark');
  const fillMs = performance.now() - filledAt;

  addNamespaces(['agent']);
  const names = hubInterfaces(size);
  runBatch('agent', ['link set lo up', ...linkPairs(names)]);
  enterNamespace(namespacePath('agent'));
  const events = openNetlinkSocket({ groups: nftablesGroup, receiveBufferBytes: 256 * 1024 * 1024 });
  if (!events) throw new Error('no netlink socket for the kernel’s notifications');
  progress.show('agent: starting', 0, 1);
  const startedAt = performance.now();
  const agent = startAgent(folder);
  try {
    await untilInSync(join(folder, 'run', routerName, 'agent.sock'));
    const startMs = performance.now() - startedAt;
    const bench: Bench = { size, store, events, agent, apps: hubApps(size) };
    await pause(settleSeconds * 1000); // what follows a start (garbage collected, the table read once more) is no idling
    const idle = await measureIdle(agent, idleSeconds);
    const label = await measureLabels(bench, labels, progress);
    const edit = await measureEdits(bench, edits, progress);
    const sustained = await measureSustained(bench, perSecond, sustainedSeconds, progress);
    return { size, fillMs, startMs, idle, label, edit, sustained };
  } finally {
    agent.kill('SIGKILL');
    events.close();
    await opened.value.close();
  }
}

function hubApps({ policies, addressesPerApp }: HubSize): number[] {
  return Array.from({ length: policies * addressesPerApp }, (_, index) => Math.floor(index / addressesPerApp));
}

/** veth pairs of the interfaces among themselves: they need carry nothing. */
function linkPairs(names: readonly string[]): string[] {
  const commands: string[] = [];
  for (let i = 0; i + 1 < names.length; i += 2) {
    commands.push(`link add ${names[i]} type veth peer name ${names[i + 1]}`);
    commands.push(`link set ${names[i]} up`, `link set ${names[i + 1]} up`);
  }
  return commands;
}

function startAgent(folder: string): ChildProcess {
  const agent = spawn(causeway, ['agent', '--router', routerName, '--log-format', 'json'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      CAUSEWAY_STORE: join(folder, 'store'),
      CAUSEWAY_RUN_DIR: join(folder, 'run'),
      CAUSEWAY_STATE_DIR: join(folder, 'state'),
      CAUSEWAY_SECRETS_DIR: join(folder, 'secrets'),
    },
  });
  agent.stderr?.resume();
  return agent;
}

async function untilInSync(socket: string): Promise<void> {
  const deadline = performance.now() + longestWaitMs;
  for (;;) {
    const status = await readFromAgent(socket, '/v1/status');
    if (status.ok && status.value.policy.inSync) return;
    if (performance.now() > deadline) throw new Error('the agent did not bring the policy into the kernel in time');
    await pause(20);
  }
}

async function measureIdle({ pid }: ChildProcess, seconds: number): Promise<AgentReport['idle']> {
  const before = cpuTicks(pid);
  await pause(seconds * 1000);
  const ticks = cpuTicks(pid) - before;
  return { cpuPercent: (100 * ticks) / (ticksPerSecond * seconds), residentMiB: residentMiB(pid) };
}

async function measureLabels(bench: Bench, count: number, progress: Progress): Promise<AgentReport['label']> {
  const samples: number[] = [];
  let rules = 0;
  for (let change = 0; change < count; change++) {
    const { resource, address } = relabel(bench, change);
    bench.events.drain();
    const started = performance.now();
    await write(bench, resource);
    rules += await untilTold(bench, address);
    samples.push(performance.now() - started);
    progress.show('agent: one label at a time', change + 1, count);
  }
  return { ...summarize(samples), p99: percentile(samples, 99), rulesTouched: rules };
}

/** Gives one address another application's label; which ones is the same in every run. */
function relabel({ apps, size }: Bench, change: number): { readonly resource: AnyResource; readonly address: string } {
  const index = (change * 7919) % apps.length;
  const app = ((apps[index] ?? 0) + 1 + (change % 5)) % size.policies;
  apps[index] = app;
  const address = hubAddress(index);
  return { address, resource: describeWorkload({ address, app: appName(app) }) };
}

async function write({ store }: Bench, resource: AnyResource): Promise<void> {
  const written = await store.apply(resource);
  if (!written.ok) throw new Error('the store refused a change of the benchmark');
}

/** Waits until the kernel tells of an element with that address; how many rules it told of meanwhile. */
async function untilTold({ events }: Bench, address: string): Promise<number> {
  const wanted = Buffer.from(address.split('.').map(Number));
  const deadline = performance.now() + longestWaitMs;
  let rules = 0;
  for (;;) {
    const { messages } = events.drain();
    let isTold = false;
    for (const message of messages) {
      if (message.kind !== 'data' || message.subsystem !== subsystems.nftables) continue;
      if (message.type === nftMessages.newRule) rules++;
      isTold ||= message.type === nftMessages.newElement && Buffer.from(message.attributes).includes(wanted);
    }
    if (isTold) return rules;
    if (performance.now() > deadline) throw new Error(`the kernel never told of ${address}`);
    await pause(1);
  }
}

/** Each edit gives one rule of one policy another port. */
async function measureEdits(bench: Bench, count: number, progress: Progress): Promise<AgentReport['edit']> {
  const rules = hubRules(bench.size);
  const samples: number[] = [];
  for (let edit = 0; edit < count; edit++) {
    const policy = (edit * 37) % bench.size.policies;
    const own = rules.filter((rule) => rule.policy === policy);
    const [first] = own;
    if (!first) throw new RangeError('a policy without rules');
    first.port = 20_000 + edit;
    bench.events.drain();
    const started = performance.now();
    for (const resource of describePolicies(own)) await write(bench, resource);
    await untilChanged(bench);
    samples.push(performance.now() - started);
    progress.show('agent: one policy at a time', edit + 1, count);
    await pause(20);
  }
  return { ...summarize(samples), p99: percentile(samples, 99) };
}

/** The kernel tells of a whole transaction after it is in force. */
async function untilChanged({ events }: Bench): Promise<void> {
  const deadline = performance.now() + longestWaitMs;
  for (;;) {
    const { messages } = events.drain();
    if (messages.some((message) => message.kind === 'data' && message.subsystem === subsystems.nftables)) return;
    if (performance.now() > deadline) throw new Error('the kernel never told of the edited policy');
    await pause(1);
  }
}

async function measureSustained(
  bench: Bench,
  perSecond: number,
  seconds: number,
  progress: Progress,
): Promise<AgentReport['sustained']> {
  const before = residentMiB(bench.agent.pid);
  const ticks = cpuTicks(bench.agent.pid);
  const started = performance.now();
  let written = 0;
  let last = '';
  while (performance.now() - started < seconds * 1000) {
    const due = Math.floor(((performance.now() - started) / 1000) * perSecond);
    const batch: AnyResource[] = [];
    while (written < due) {
      const { resource, address } = relabel(bench, 1_000_000 + written++);
      batch.push(resource);
      last = address;
    }
    for (const resource of batch) await write(bench, resource);
    await pause(1);
    progress.show('agent: a thousand labels a second', performance.now() - started, seconds * 1000);
  }
  const elapsed = (performance.now() - started) / 1000;
  const endedAt = performance.now();
  await untilTold(bench, last);
  return {
    perSecond: written / elapsed,
    seconds: elapsed,
    lagMs: performance.now() - endedAt,
    cpuPercent: (100 * (cpuTicks(bench.agent.pid) - ticks)) / (ticksPerSecond * elapsed),
    grownMiB: residentMiB(bench.agent.pid) - before,
  };
}
