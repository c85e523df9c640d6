/**
 * Follows what the kernel tells of packets, for as long as the agent runs.
 *
 *   nflog ─ten times a second─▶ FlowObserver, with the intent in force ─▶ /v1/flows
 *
 * Invariant: nothing here can hold up the agent: a batch has so many messages and so much time, and no more.
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { AgentPorts } from '../agent/ports.ts';
import type { FlowEntry, FlowLine, FlowQuery, FlowsView } from '../api/flows-view.ts';
import { isAskedFor } from '../api/flows-view.ts';
import { readDeniedCounters } from '../edge/denied-counters.ts';
import { createInterfaceNames, type NflogReader, openNflog } from '../edge/nflog.ts';
import { FlowObserver } from '../flows/flow-observer.ts';
import type { FlowRecord } from '../flows/flow-record.ts';
import { logGroup } from '../nftables/flow-log.ts';
import type { Fib } from '../verdict/fib.ts';
import { packetPath } from '../verdict/packet-path.ts';
import { readKernelFib } from './kernel-fib.ts';

export interface FlowWatch {
  view(query: FlowQuery): Promise<FlowsView>;
  follow(query: FlowQuery, write: (line: FlowLine) => void): { close(): void };
  /** Why nothing is recorded; undefined while it is read. */
  error(): string | undefined;
  close(): void;
}

const pollMs = 100;
const mostMessages = 2_000;
/** Of each poll: a tenth of one core at most. */
const turnMs = 10;
const countMs = 1_000;
const retryMs = 10_000;
/** Routes matter only to what is told of before routing. */
const fibMs = 5_000;

/** `isStateShared`: whether the group's routers were seen to share connection state. */
export async function watchFlows(
  agent: RunningAgent,
  ports: AgentPorts,
  isStateShared: () => boolean,
): Promise<FlowWatch> {
  const { clock, log } = ports;
  const observer = new FlowObserver((ms) => new Date(ms).toISOString());
  const nameOf = createInterfaceNames(() => clock.now());
  let reader: NflogReader | undefined;
  let error: string | undefined;
  let fib: { readonly value: Fib | undefined; readonly at: number } | undefined;
  let isBusy = false;
  let isClosed = false;

  async function open(): Promise<void> {
    const opened = await openNflog(logGroup);
    if (!opened.ok) {
      if (error !== opened.error.message) {
        log.write('warn', 'packets that policy denies cannot be recorded', { error: opened.error.message });
      }
      error = opened.error.message;
    } else if (isClosed) opened.value.close();
    else {
      reader = opened.value;
      error = undefined;
      await count();
    }
  }

  async function count(): Promise<void> {
    const counters = await readDeniedCounters();
    drain();
    if (counters.ok) observer.noteDenied(counters.value);
  }

  function drain(): void {
    if (!reader) return;
    const { messages, lost } = reader.drain(mostMessages);
    observer.noteLost(lost);
    const until = performance.now() + turnMs;
    const policy = agent.intent()?.policy;
    const snapshot = agent.snapshot();
    const context = policy && snapshot && { policy, snapshot, fib: fib?.value, nameOf };
    observer.observe(messages, context, clock.now(), () => performance.now() > until);
  }

  async function readFib(): Promise<void> {
    const isAsked = agent
      .intent()
      ?.policy.endpoints.some(({ stagedIn = [] }) =>
        stagedIn.some(({ stage }) => stage === 'untracked' || stage === 'preDNAT'),
      );
    if (!isAsked || (fib && clock.now() - fib.at < fibMs)) return;
    const read = await readKernelFib(ports.host, agent.intent()?.routing.confinement);
    fib = { value: read.ok ? read.value : undefined, at: clock.now() };
  }

  async function poll(): Promise<void> {
    if (isBusy || isClosed) return;
    isBusy = true;
    try {
      await readFib();
      drain();
    } finally {
      isBusy = false;
    }
  }

  function withPath(record: FlowRecord): FlowEntry {
    const verdict = { stage: record.stage, trace: [] };
    return { ...record, path: packetPath(agent.intent()?.routing.group, record, verdict, isStateShared()) };
  }

  await open();
  const timers = [
    clock.every(pollMs, () => void poll()),
    clock.every(retryMs, () => void (reader === undefined && open())),
  ];

  return {
    async view(query) {
      await count();
      return {
        router: agent.status().router,
        error: error ?? null,
        unrecorded: observer.unrecorded(),
        records: observer.journal
          .records()
          .filter((record) => isAskedFor(query, record))
          .map(withPath),
        staged: observer.summaries(agent.intent()?.policy),
      };
    },
    follow(query, write) {
      let told = JSON.stringify(observer.unrecorded());
      const following = observer.journal.follow((record) => {
        if (isAskedFor(query, record)) write({ kind: 'record', record: withPath(record) });
      });
      const timer = clock.every(countMs, () => {
        void count().then(() => {
          const unrecorded = observer.unrecorded();
          if (JSON.stringify(unrecorded) === told) return;
          told = JSON.stringify(unrecorded);
          write({ kind: 'unrecorded', unrecorded });
        });
      });
      return {
        close() {
          following.close();
          timer.close();
        },
      };
    },
    error: () => error,
    close() {
      isClosed = true;
      for (const timer of timers) timer.close();
      reader?.close();
    },
  };
}
