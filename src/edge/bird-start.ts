/**
 * Starts BIRD: a daemon that outlives us, of use once its control socket answers.
 */
import type { BirdError } from '../bird/daemon.ts';
import { err, ok, type Result } from '../result.ts';
import { connectBird } from './bird-control.ts';
import type { BirdFiles } from './bird-files.ts';
import { startDaemon } from './daemon-process.ts';

export interface BirdStartOptions {
  readonly launcher: readonly string[];
  readonly birdPath: string;
  /** Whether an earlier BIRD died: its routes stay in the kernel until the peers have told theirs again. */
  readonly recover: boolean;
}

/** Resolves once the control socket answers. */
export async function startBird(files: BirdFiles, options: BirdStartOptions): Promise<Result<void, BirdError>> {
  const args = ['-f', ...(options.recover ? ['-R'] : []), '-c', files.config, '-s', files.socket, '-P', files.pid];
  const started = await startDaemon({
    name: options.birdPath,
    package: 'bird2',
    command: [...options.launcher, options.birdPath, ...args],
    log: files.log,
    // A large configuration takes its time to be read.
    patienceMs: 15_000,
    async answers() {
      const connected = await connectBird(files.socket);
      if (connected.ok) connected.value.close();
      return connected.ok;
    },
  });
  return started.ok ? ok(undefined) : err({ ...started.error, subject: options.birdPath });
}
