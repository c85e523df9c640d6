/**
 * Running programs inside a sandbox, in the network namespace of one of its nodes or in the sandbox's own.
 *
 *   run(…)    to its end, with its output         start(…)  in the background, output to a log in /run/lab/log
 *
 * Invariant: arguments go as arrays, never through a shell.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathInside, type Sandbox } from './sandbox.ts';
import { secretsFolder } from './secrets.ts';

export interface Finished {
  /** Exit code; 128 + n after signal n; 127 when the program is missing. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Node whose network namespace to enter; the sandbox's own (which has no links) when absent. */
  readonly node?: string;
  readonly input?: string;
  /** Milliseconds until the program is killed; 20,000 unless said. */
  readonly within?: number;
}

/** The command line that runs a program inside, in a folder that the sandbox sees too. */
export function commandInside(
  sandbox: Sandbox,
  node: string | undefined,
  argv: readonly string[],
  folder = '/',
): string[] {
  const enter = [
    'nsenter',
    `--target=${sandbox.init}`,
    '--mount',
    '--net',
    '--uts',
    '--ipc',
    '--pid',
    `--wdns=${folder}`,
  ];
  return [...enter, '--', ...(node === undefined ? [] : ['ip', 'netns', 'exec', node]), ...argv];
}

export function run(sandbox: Sandbox, argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program = '', ...rest] = commandInside(sandbox, options.node, argv);
  return new Promise((resolve) => {
    const child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.within ?? 20_000,
      env: labEnvironment(),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => resolve({ code: 127, stdout, stderr: `${stderr}${error.message}` }));
    child.once('close', (code, signal) => resolve({ code: code ?? (signal === null ? 1 : 137), stdout, stderr }));
    // A program that ends without reading its input is not an error of ours.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** As `run`, and throws when the program fails: for steps of bringing a lab up that have no reason to fail. */
export async function mustRun(sandbox: Sandbox, argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const done = await run(sandbox, argv, options);
  if (done.code === 0) return done.stdout;
  const where = options.node === undefined ? '' : ` on ${options.node}`;
  throw new LabFailure(`${argv.join(' ')}${where} failed (exit ${done.code}): ${(done.stderr || done.stdout).trim()}`);
}

/** Something of the lab's surroundings failed; the message says what, and is shown without a stack trace. */
export class LabFailure extends Error {}

/**
 * Starts a program that outlives this process; what it prints goes to the log of that name. It becomes a child of the
 * sandbox's first process: nothing of it stays outside.
 */
export function start(sandbox: Sandbox, node: string, log: string, argv: readonly string[]): void {
  const background = ['setsid', '--fork', 'ip', 'netns', 'exec', node, ...argv];
  const [program = '', ...rest] = commandInside(sandbox, undefined, background);
  const file = openSync(pathInside(sandbox, logPath(log)), 'a');
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', file, file], env: labEnvironment() });
  child.unref();
  closeSync(file);
}

export function logPath(log: string): string {
  return `/run/lab/log/${log}.log`;
}

/** The end of a log, for messages; empty when there is none. */
export function readLog(sandbox: Sandbox, log: string, lines = 20): string {
  try {
    return readFileSync(pathInside(sandbox, logPath(log)), 'utf8')
      .split('\n')
      .slice(-lines)
      .join('\n')
      .trim();
  } catch {
    return '';
  }
}

/** Only what programs need: nothing of the caller's environment may steer a lab. */
function labEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/frr`,
    HOME: '/run/lab',
    TMPDIR: '/run/lab/tmp',
    LANG: 'C.UTF-8',
    CAUSEWAY_SECRETS_DIR: secretsFolder,
    NO_COLOR: '1',
    // The sandbox cannot write to the checkout; what is built before a lab starts is what runs in it.
    CAUSEWAY_NO_BUILD: '1',
  };
}
