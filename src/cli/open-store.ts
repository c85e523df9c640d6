/** The resource store a verb works on, opened for one action and closed after it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openEmbeddedStore } from '../edge/embedded-store.ts';
import { timestamp } from '../edge/system-clock.ts';
import { createResourceStore, type ResourceStore } from '../store/resource-store.ts';
import type { Cli } from './cli.ts';
import { type ExitCode, exitCode } from './exit-code.ts';

/** Opens the store of `--store`, does the work, closes it; exit code 1 with a reason when it cannot be opened. */
export async function withStore(cli: Cli, work: (store: ResourceStore) => Promise<ExitCode>): Promise<ExitCode> {
  const { store: directory } = cli.globals();
  const opened = await openEmbeddedStore(directory);
  if (!opened.ok) {
    const message = opened.error.kind === 'unavailable' ? opened.error.message : opened.error.kind;
    cli.complain(`error: ${message}`);
    return exitCode.error;
  }
  try {
    return await work(createResourceStore(opened.value, { now: timestamp, newUid: randomUUID, pause }));
  } finally {
    await opened.value.close();
  }
}

/** A few milliseconds, more with each attempt, and by chance, so that two writers do not meet again. */
async function pause(attempt: number): Promise<void> {
  await delay(Math.random() * 10 * 2 ** attempt);
}
