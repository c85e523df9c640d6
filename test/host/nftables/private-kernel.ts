/**
 * A network namespace of our own to load rulesets into, so that the host's own are never touched.
 *
 * Invariant: it goes with the process that holds it open; closing kills that process and nothing else.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type NetlinkSocket, openNetlinkSocket } from '../../../src/edge/netlink-socket.ts';
import { openPacketFilter } from '../../../src/edge/nft.ts';
import { runProgram } from '../../../src/edge/run-program.ts';
import type { PacketFilter } from '../../../src/nftables/packet-filter.ts';
import { inNamespaceOf } from './raw-sockets.ts';

export interface PrivateKernel {
  /** nft inside. */
  readonly command: readonly [string, ...string[]];
  /** Runs nft with the text on standard input; its standard error, empty when it took the text. */
  nft(args: readonly string[], input?: string): Promise<{ readonly stdout: string; readonly refusal: string }>;
  /** Loads a text; throws with nft's words when it is refused. */
  load(text: string): Promise<void>;
  /** The packet filter inside, over netlink. */
  filter(): PacketFilter;
  /** A netlink socket inside. */
  socket(): NetlinkSocket | undefined;
  /** Runs any program inside; its exit code. */
  run(program: string, ...args: readonly string[]): Promise<number>;
  /** Of the process that holds the namespace, for `ip link set … netns`. */
  readonly pid: number;
  close(): void;
}

export async function openPrivateKernel(): Promise<PrivateKernel> {
  const isRoot = process.getuid?.() === 0;
  const holder = spawn('unshare', [isRoot ? '-n' : '-rn', 'sleep', '600'], { stdio: 'ignore' });
  await namespaceOf(holder);
  const namespaces = isRoot ? ['-n'] : ['-U', '--preserve-credentials', '-n'];
  const enter = ['-t', String(holder.pid), ...namespaces];
  const nft: PrivateKernel['nft'] = async (args, input) => {
    const run = await runProgram('nsenter', [...enter, 'nft', ...args], input === undefined ? {} : { input });
    if (!run.ok) throw new Error(JSON.stringify(run.error));
    const { exitCode, stdout, stderr } = run.value;
    return { stdout, refusal: exitCode === 0 ? '' : stderr || `exit code ${exitCode}` };
  };
  const socket = () => inNamespaceOf(holder.pid ?? -1, () => openNetlinkSocket());
  return {
    command: ['nsenter', ...enter, 'nft'],
    pid: holder.pid ?? -1,
    nft,
    async load(text) {
      const { refusal } = await nft(['-f', '-'], text);
      if (refusal !== '') throw new Error(refusal);
    },
    filter: () => openPacketFilter(socket),
    socket,
    async run(program, ...args) {
      const run = await runProgram('nsenter', [...enter, program, ...args]);
      if (!run.ok) throw new Error(JSON.stringify(run.error));
      return run.value.exitCode;
    },
    close() {
      holder.kill('SIGKILL');
    },
  };
}

async function namespaceOf(holder: ChildProcess): Promise<void> {
  const ours = readlinkSync('/proc/self/ns/net');
  for (let tries = 0; tries < 500; tries++) {
    try {
      if (readlinkSync(`/proc/${holder.pid}/ns/net`) !== ours) return;
    } catch {
      // not there yet
    }
    await delay(10);
  }
  throw new Error('no network namespace: unshare needs root, or user namespaces');
}
