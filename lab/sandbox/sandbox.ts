/**
 * A sandbox: namespaces of its own for processes, mounts, network and host name, holding one lab.
 *
 *   startSandbox ─▶ unshare (keeper) ─▶ init.sh (pid 1) ─▶ everything run with run.ts
 *
 * Invariant: what the sandbox holds lives exactly as long as its first process. There is no record of it on disk that
 * could go stale: running labs are found by looking at the processes there are.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { err, ok, type Result } from '../../src/result.ts';
import { eventually } from '../eventually.ts';
import { packageRoot } from '../package-root.ts';

export interface Sandbox {
  readonly name: string;
  /** The lab file it was started for. */
  readonly file: string;
  /** Process id of its first process, as the host sees it. */
  readonly init: number;
  /** Process id of the keeper (unshare), whose death ends the sandbox too. */
  readonly keeper: number;
  readonly startedAt: Date;
}

export interface SandboxError {
  readonly kind: 'exists' | 'not-permitted' | 'failed';
  readonly subject: string;
  readonly message: string;
}

/** `owned`: ends with the process that started it, however that ends. `detached`: until somebody stops it. */
export type Ownership = 'owned' | 'detached';

const initScript = () => `${packageRoot()}/lab/sandbox/init.sh`;

/** Starts an empty sandbox and waits until it is ready; refuses a second one of the same name. */
export async function startSandbox(
  name: string,
  file: string,
  ownership: Ownership,
): Promise<Result<Sandbox, SandboxError>> {
  if (process.getuid?.() !== 0) {
    const message = 'network and mount namespaces need root: run it with sudo';
    return err({ kind: 'not-permitted', subject: name, message });
  }
  const running = findSandbox(name);
  if (running) {
    const message = `lab ${name} is up since ${running.startedAt.toISOString()}: end it with \`causeway lab down ${name}\``;
    return err({ kind: 'exists', subject: name, message });
  }
  const flags = ['--mount', '--net', '--uts', '--ipc', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
  const keeper = spawn('unshare', [...flags, 'bash', initScript(), packageRoot(), ownership, name, file], {
    detached: true,
    stdio: [ownership === 'owned' ? 'pipe' : 'ignore', 'ignore', 'pipe'],
    cwd: '/',
  });
  let complaint = '';
  keeper.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  let exited = false;
  keeper.once('error', (error) => {
    complaint += error.message;
    exited = true;
  });
  keeper.once('exit', () => {
    exited = true;
  });
  const sandbox = await eventually(
    () => (exited ? 'ended' : findReady(name)),
    (found) => found !== undefined,
    { within: 10_000, every: 20 },
  );
  keeper.unref();
  keeper.stderr?.destroy();
  if (sandbox === undefined || sandbox === 'ended') {
    if (!exited) keeper.kill('SIGKILL');
    const message = `the sandbox did not start: ${complaint.trim() || 'no reason given'}`;
    return err({ kind: 'failed', subject: name, message });
  }
  // Two started at the same moment: the older one stays.
  if (findSandboxes().some((other) => other.name === name && other.init < sandbox.init)) {
    keeper.kill('SIGKILL');
    return err({ kind: 'exists', subject: name, message: `lab ${name} was started by someone else just now` });
  }
  return ok(sandbox);
}

/** Every sandbox there is on this host, sorted by name. */
export function findSandboxes(): readonly Sandbox[] {
  const found: Sandbox[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const sandbox = readSandbox(Number(entry));
    if (sandbox) found.push(sandbox);
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.init - b.init));
}

export function findSandbox(name: string): Sandbox | undefined {
  return findSandboxes().find((sandbox) => sandbox.name === name);
}

/** Where a path of the sandbox is for the host. */
export function pathInside(sandbox: Sandbox, path: string): string {
  return `/proc/${sandbox.init}/root${path}`;
}

/** Kills everything in the sandbox and waits until it is gone. */
export async function stopSandbox(sandbox: Sandbox): Promise<Result<void, SandboxError>> {
  for (const pid of [sandbox.init, sandbox.keeper]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  const left = await eventually(
    () => [sandbox.init, sandbox.keeper].filter(isRunning),
    (pids) => pids.length === 0,
    { within: 10_000, every: 10 },
  );
  if (left.length === 0) return ok(undefined);
  return err({ kind: 'failed', subject: sandbox.name, message: `processes ${left.join(', ')} did not end` });
}

/** True for a process that exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function findReady(name: string): Sandbox | undefined {
  const sandbox = findSandbox(name);
  return sandbox && existsSync(pathInside(sandbox, '/run/lab/ready')) ? sandbox : undefined;
}

/** A process is a sandbox's first one when it runs the script above and is number 1 of its own namespace. */
function readSandbox(pid: number): Sandbox | undefined {
  try {
    const [shell, script, , , name, file] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (shell !== 'bash' || !script?.endsWith('/lab/sandbox/init.sh') || !name || !file) return undefined;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    if (!/^NSpid:.*\t1$/m.test(status) || /^State:\s*[ZX]/m.test(status)) return undefined;
    const keeper = Number(/^PPid:\s*([0-9]+)$/m.exec(status)?.[1]);
    return { name, file, init: pid, keeper, startedAt: statSync(`/proc/${pid}`).mtime };
  } catch {
    // It ended while we looked, or is not ours to read.
    return undefined;
  }
}
