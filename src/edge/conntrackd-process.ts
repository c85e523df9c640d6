/**
 * conntrackd as a process of this router: started, found again, watched and ended.
 *
 * Invariant: it runs in a session of its own and outlives us; a process that somebody else started is never touched: ours is
 * the one whose command line names our configuration file.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConntrackdFiles } from '../conntrackd/config.ts';
import type { ConntrackdDaemon, ConntrackdError } from '../conntrackd/daemon.ts';
import { readTraffic } from '../conntrackd/read.ts';
import { err, ok, type Result } from '../result.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readText, removeFile, trimLog } from './bird-files.ts';
import { becomesSo, type DaemonError, endDaemon, signalProcess, startDaemon } from './daemon-process.ts';
import { printProgramError, runProgram } from './run-program.ts';
import { setTcpTracking } from './tcp-tracking.ts';

export interface ConntrackdOptions {
  readonly dir: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher?: readonly string[];
}

/** A busy conntrackd answers late; one that takes longer than this, in ms, counts as not answering. */
const answerMs = 4_000;

export function conntrackdFiles(dir: string): ConntrackdFiles & { readonly pid: string; readonly tracking: string } {
  const at = (name: string): string => join(dir, name);
  return {
    config: at('conntrackd.conf'),
    lock: at('conntrackd.lock'),
    socket: at('conntrackd.ctl'),
    log: at('conntrackd.log'),
    pid: at('conntrackd.pid'),
    tracking: at('tcp-tracking.json'),
  };
}

export function createConntrackd({ dir, launcher = [] }: ConntrackdOptions): ConntrackdDaemon {
  const files = conntrackdFiles(dir);

  async function runningPid(): Promise<number | undefined> {
    const pid = Number.parseInt((await readText(files.pid)) ?? '', 10);
    if (!(pid > 1)) return undefined;
    const words = (await readText(`/proc/${pid}/cmdline`))?.split('\0') ?? [];
    return words.includes(files.config) ? pid : undefined;
  }

  async function ask(...args: readonly string[]): Promise<Result<string, ConntrackdError>> {
    const [program = '', ...before] = [...launcher, 'conntrackd'];
    const ran = await runProgram(program, [...before, '-C', files.config, ...args], { timeoutMs: answerMs });
    if (!ran.ok) return err(asConntrackdError({ kind: ran.error.kind, message: printProgramError(ran.error) }));
    const { exitCode, stdout, stderr } = ran.value;
    return exitCode === 0 ? ok(stdout) : err({ kind: 'failed', message: lastLine(stderr || stdout) });
  }

  async function start(text: string): Promise<Result<void, ConntrackdError>> {
    await writeFileAtomically(files.config, text);
    // It refuses to start where its lock lies, and leaves it there when it is killed.
    for (const stale of [files.lock, files.socket]) await removeFile(stale);
    const started = await startDaemon({
      name: 'conntrackd',
      package: 'conntrackd',
      command: [...launcher, 'conntrackd', '-C', files.config],
      log: files.log,
      begun: (pid) => writeFile(files.pid, `${pid}\n`, { mode: 0o600 }),
      answers: async () => (await ask('-s', 'network')).ok,
    });
    return started.ok ? ok(undefined) : err(asConntrackdError(started.error));
  }

  async function end(): Promise<Result<void, ConntrackdError>> {
    return (await endDaemon(runningPid)) ? ok(undefined) : doesNotEnd;
  }

  async function takeOver(): Promise<Result<void, ConntrackdError>> {
    const read = await ask('-R');
    return read.ok ? ok(undefined) : read;
  }

  return {
    async ensure(text) {
      await trimLog(files);
      const pid = await runningPid();
      if (pid !== undefined && (await readText(files.config)) === text) return ok('unchanged');
      const hadRun = (await readText(files.pid)) !== undefined;
      if (pid !== undefined) {
        const ended = await end();
        if (!ended.ok) return ended;
      }
      const started = await start(text);
      if (!started.ok) return started;
      return ok(hadRun ? 'restarted' : 'started');
    },
    async stop() {
      const pid = await runningPid();
      if (pid !== undefined) {
        const ended = await end();
        if (!ended.ok) return ended;
      }
      const isOurs = pid !== undefined || (await readText(files.config)) !== undefined;
      for (const file of [files.pid, files.config, files.lock, files.socket]) await removeFile(file);
      return ok(isOurs);
    },
    async traffic() {
      const told = await ask('-s', 'network');
      return told.ok ? ok(readTraffic(told.value)) : told;
    },
    takeOver,
    async offer() {
      const taken = await takeOver();
      if (!taken.ok) return taken;
      const sent = await ask('-B');
      return sent.ok ? ok(undefined) : sent;
    },
    async kill() {
      const pid = await runningPid();
      if (pid === undefined) return ok(undefined);
      signalProcess(pid, 'SIGKILL');
      return (await becomesSo(async () => (await runningPid()) === undefined)) ? ok(undefined) : doesNotEnd;
    },
    setTcpTracking: (as) => setTcpTracking(as, files.tracking),
  };
}

const doesNotEnd = err<ConntrackdError>({ kind: 'failed', message: 'conntrackd does not end' });

function asConntrackdError({ kind, message }: DaemonError): ConntrackdError {
  return { kind: kind === 'missing-program' ? kind : 'failed', message };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
