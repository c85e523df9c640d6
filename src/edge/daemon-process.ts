/**
 * A daemon that outlives us: started in a session of its own, no pipe of ours, its output in a file; told to end, and waited for.
 *
 *   command → [startDaemon] → process id, once it answers        find its process id → [endDaemon] → gone
 *
 * Whether a process is ours is for the caller to know: of a process id alone nothing is ended.
 */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { err, ok, type Result } from '../result.ts';

export interface DaemonStart {
  /** As the user knows it, for messages. */
  readonly name: string;
  /** Debian's package that holds it. */
  readonly package: string;
  /** Program and arguments; nothing secret, everybody reads it. */
  readonly command: readonly string[];
  /** Where its output goes, appended. */
  readonly log: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Milliseconds until it must answer. */
  readonly patienceMs?: number;
  /** Done at once when the process exists. */
  readonly begun?: (pid: number) => Promise<void>;
  /** Whether it is of use by now. */
  readonly answers: () => Promise<boolean>;
}

export interface DaemonError {
  readonly kind: 'missing-program' | 'failed' | 'timeout';
  readonly message: string;
}

/** How long a daemon may take until it answers after its start, or is gone after being told to end, in ms. */
const usualPatienceMs = 5_000;
const pollMs = 20;
/** How shells, env and prlimit end whose program is not there (POSIX, Shell & Utilities 2.8.2). */
const notFound = 127;

/** Its process id. One that did not answer in time may be running still. */
export async function startDaemon(start: DaemonStart): Promise<Result<number, DaemonError>> {
  const log = await open(start.log, 'a', 0o600);
  const [program = '', ...words] = start.command;
  const child = spawn(program, words, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: start.environment ?? process.env,
  });
  let failure: DaemonError | undefined;
  child.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code === 'ENOENT' ? missing(start) : { kind: 'failed', message: error.message };
  });
  child.on('exit', (code, signal) => {
    const message = `${start.name} ended at once (${signal ?? code}); see ${start.log}`;
    failure ??= code === notFound ? missing(start) : { kind: 'failed', message };
  });
  child.unref();
  await log.close();
  const { pid } = child;
  if (pid !== undefined) await start.begun?.(pid);
  const answered = await becomesSo(async () => failure !== undefined || (await start.answers()), start.patienceMs);
  if (!answered) failure ??= { kind: 'timeout', message: `${start.name} does not answer; see ${start.log}` };
  // Without a process id there was an error, which is told on the next turn of the loop at the latest.
  return failure === undefined && pid !== undefined ? ok(pid) : err(failure ?? missing(start));
}

function missing(start: DaemonStart): DaemonError {
  return { kind: 'missing-program', message: `${start.name} is not installed: apt-get install ${start.package}` };
}

/** Asks it to end, then makes it. Whether it is gone. */
export async function endDaemon(find: () => Promise<number | undefined>): Promise<boolean> {
  const isGone = async (): Promise<boolean> => (await find()) === undefined;
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const pid = await find();
    if (pid === undefined) return true;
    signalProcess(pid, name);
    await becomesSo(isGone);
  }
  return isGone();
}

/** Fine for a process that is gone by now. */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether it became so within the patience that a daemon is given, in ms. */
export async function becomesSo(isSo: () => Promise<boolean>, patienceMs = usualPatienceMs): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    if (await isSo()) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}
