/**
 * Starts BIRD so that it outlives us: a session of its own, no pipe of ours, its log in a file.
 */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import type { BirdError } from '../bird/daemon.ts';
import { err, ok, type Result } from '../result.ts';
import { connectBird } from './bird-control.ts';
import type { BirdFiles } from './bird-files.ts';

/** How long BIRD may take until its socket answers, in ms. */
const startTimeoutMs = 15_000;

export interface BirdStartOptions {
  readonly launcher: readonly string[];
  readonly birdPath: string;
  /** Whether an earlier BIRD died: its routes stay in the kernel until the peers have told theirs again. */
  readonly recover: boolean;
}

/** Resolves once the control socket answers. */
export async function startBird(files: BirdFiles, options: BirdStartOptions): Promise<Result<void, BirdError>> {
  const log = await open(files.log, 'a', 0o600);
  const args = ['-f', ...(options.recover ? ['-R'] : []), '-c', files.config, '-s', files.socket, '-P', files.pid];
  const [program = options.birdPath, ...before] = [...options.launcher, options.birdPath];
  const child = spawn(program, [...before, ...args], { detached: true, stdio: ['ignore', log.fd, log.fd] });
  let ended: BirdError | undefined;
  child.on('error', (error: NodeJS.ErrnoException) => {
    const kind = error.code === 'ENOENT' ? 'missing-program' : 'failed';
    ended = { kind, subject: program, message: kind === 'failed' ? error.message : `${program} is not installed` };
  });
  child.on('exit', (code, signal) => {
    ended ??= { kind: 'failed', subject: program, message: `BIRD ended at once (${signal ?? code}); see ${files.log}` };
  });
  child.unref();
  await log.close();
  const deadline = Date.now() + startTimeoutMs;
  while (ended === undefined && Date.now() < deadline) {
    const connected = await connectBird(files.socket);
    if (connected.ok) {
      connected.value.close();
      return ok(undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return err(ended ?? { kind: 'timeout', subject: program, message: `BIRD's socket did not answer; see ${files.log}` });
}
