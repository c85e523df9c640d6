/**
 * Runs a program to its end and hands back what it said. The only place that spawns short-lived programs.
 *
 * Invariant: arguments are a list, never a shell line; output is bounded; a program that does not end is killed.
 */
import { spawn } from 'node:child_process';
import { err, ok, type Result } from '../result.ts';

export interface ProgramOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type ProgramError =
  | { readonly kind: 'missing-program'; readonly program: string }
  | { readonly kind: 'timeout'; readonly program: string; readonly afterMs: number }
  | { readonly kind: 'failed'; readonly program: string; readonly message: string };

export interface RunOptions {
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Hears the process id as soon as there is one. */
  readonly onStart?: (pid: number) => void;
  /** Most bytes of standard output kept; more is an error. Default 512 MiB. */
  readonly maxOutput?: number;
}

/** Resolves with the exit code and output, whatever the exit code is. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result<ProgramOutput, ProgramError>> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const maxOutput = options.maxOutput ?? 512 * 1024 * 1024;
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    let failure: ProgramError | undefined;
    const timer = setTimeout(() => {
      failure = { kind: 'timeout', program, afterMs: timeoutMs };
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error: NodeJS.ErrnoException) => {
      failure ??=
        error.code === 'ENOENT'
          ? { kind: 'missing-program', program }
          : { kind: 'failed', program, message: error.message };
      if (child.pid === undefined) finish(-1);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxOutput) stdout.push(chunk);
      else {
        failure ??= { kind: 'failed', program, message: `more than ${maxOutput} bytes of output` };
        child.kill('SIGKILL');
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 1000) stderr.push(chunk);
    });
    child.stdin.on('error', () => undefined); // the program may end before it has read everything; its exit code tells
    child.stdin.end(options.input ?? '');
    child.on('close', (code) => finish(code ?? -1));

    function finish(exitCode: number): void {
      clearTimeout(timer);
      if (failure) resolve(err(failure));
      else
        resolve(ok({ exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
    }
  });
}

/** The error in words, for logs and for people. */
export function printProgramError(error: ProgramError): string {
  switch (error.kind) {
    case 'missing-program':
      return `${error.program} is not installed or not on the PATH`;
    case 'timeout':
      return `${error.program} did not end within ${error.afterMs} ms and was killed`;
    case 'failed':
      return `${error.program}: ${error.message}`;
  }
}
