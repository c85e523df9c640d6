/**
 * conntrackd as a process of this router: started, found again, watched and ended.
 *
 * Invariant: it runs in a session of its own and outlives us; a process that somebody else started is never touched: ours is
 * the one whose command line names our configuration file.
 */
import { spawn } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConntrackdFiles } from '../conntrackd/config.ts';
import type { ConntrackdDaemon, ConntrackdError } from '../conntrackd/daemon.ts';
import { readTraffic } from '../conntrackd/read.ts';
import { err, ok, type Result } from '../result.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { readText, removeFile, trimLog } from './bird-files.ts';
import { signalProcess } from './daemon-process.ts';
import { printProgramError, runProgram } from './run-program.ts';
import { setTcpTracking } from './tcp-tracking.ts';

export interface ConntrackdOptions {
  readonly dir: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests. */
  readonly launcher?: readonly string[];
}

/** How long it may take until it answers after its start, or is gone after being told to end, in ms. */
const patienceMs = 5_000;
const pollMs = 20;
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
    if (!ran.ok) return err({ kind: kindOf(ran.error.kind), message: printProgramError(ran.error) });
    const { exitCode, stdout, stderr } = ran.value;
    return exitCode === 0 ? ok(stdout) : err({ kind: 'failed', message: lastLine(stderr || stdout) });
  }

  async function start(text: string): Promise<Result<void, ConntrackdError>> {
    await writeFileAtomically(files.config, text);
    // It refuses to start where its lock lies, and leaves it there when it is killed.
    for (const stale of [files.lock, files.socket]) await removeFile(stale);
    const output = await open(files.log, 'a', 0o600);
    const [program = '', ...before] = [...launcher, 'conntrackd'];
    const child = spawn(program, [...before, '-C', files.config], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    });
    let ended: ConntrackdError | undefined;
    child.on('error', (error: NodeJS.ErrnoException) => {
      ended = isMissing(error) ? missing : { kind: 'failed', message: error.message };
    });
    child.on('exit', () => {
      ended ??= { kind: 'failed', message: `conntrackd ended at once; see ${files.log}` };
    });
    child.unref();
    await output.close();
    if (child.pid !== undefined) await writeFile(files.pid, `${child.pid}\n`, { mode: 0o600 });
    return until(async () => {
      if (ended) return err(ended);
      return (await ask('-s', 'network')).ok ? ok(undefined) : undefined;
    }, 'conntrackd does not answer');
  }

  async function end(pid: number): Promise<Result<void, ConntrackdError>> {
    signalProcess(pid, 'SIGTERM');
    const gone = await untilGone('');
    if (gone.ok) return gone;
    signalProcess(pid, 'SIGKILL');
    return untilGone('conntrackd does not end');
  }

  function untilGone(message: string): Promise<Result<void, ConntrackdError>> {
    return until(async () => ((await runningPid()) === undefined ? ok(undefined) : undefined), message);
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
        const ended = await end(pid);
        if (!ended.ok) return ended;
      }
      const started = await start(text);
      if (!started.ok) return started;
      return ok(hadRun ? 'restarted' : 'started');
    },
    async stop() {
      const pid = await runningPid();
      if (pid !== undefined) {
        const ended = await end(pid);
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
      return untilGone('conntrackd does not end');
    },
    setTcpTracking: (as) => setTcpTracking(as, files.tracking),
  };
}

const missing: ConntrackdError = {
  kind: 'missing-program',
  message: 'conntrackd is not installed: apt-get install conntrackd',
};

function isMissing(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT';
}

function kindOf(kind: 'missing-program' | 'timeout' | 'failed'): ConntrackdError['kind'] {
  return kind === 'missing-program' ? 'missing-program' : 'failed';
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Asks again and again; undefined means not yet. */
async function until(
  look: () => Promise<Result<void, ConntrackdError> | undefined>,
  message: string,
): Promise<Result<void, ConntrackdError>> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    const answer = await look();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return err({ kind: 'failed', message });
}
