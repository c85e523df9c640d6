/**
 * BIRD as a process of this router: started, found again, reconfigured, watched and ended.
 *
 *   text → bird.conf.next ─[check, configure with timeout, confirm]→ BIRD; then renamed to bird.conf
 *
 * Invariant: BIRD runs in a session of its own and outlives us. `bird.conf` is the last text BIRD confirmed; while
 * `bird.conf.next` exists, what BIRD runs is not certain. Both are readable by root alone: they hold passwords.
 */
import { rename } from 'node:fs/promises';
import { defaultKernelMetric } from '../bird/compile.ts';
import { type BirdCommand, type BirdReply, isSuccess, replyCodes } from '../bird/control.ts';
import type { BirdDaemon, BirdError } from '../bird/daemon.ts';
import { printDrained } from '../bird/drain.ts';
import { kernelName } from '../bird/names.ts';
import { readBfd, readCount, readRoutes, readSessions } from '../bird/read.ts';
import { families } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { type BirdControl, connectBird } from './bird-control.ts';
import { type BirdFiles, birdFiles, isBirdAlive, killBird, readText, removeFile, trimLog } from './bird-files.ts';
import { countExported, readHeldBack, readmitRoutes, reloadSessions } from './bird-limits.ts';
import { missingRoutes } from './bird-routes.ts';
import { startBird } from './bird-start.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { printProgramError, runProgram } from './run-program.ts';

export interface BirdDaemonOptions {
  /** Folder of its files, made if need be; its path must leave room for a socket's name (108 bytes in all). */
  readonly dir: string;
  /** `bird` on the PATH unless said. */
  readonly birdPath?: string;
  /** Program and arguments to put before every command, such as `ip netns exec r1`; for tests and the lab. */
  readonly launcher?: readonly string[];
  readonly kernelMetric?: number;
  /** How long, in ms, a running BIRD may say nothing before it counts as hung and is replaced; 20 seconds unless said. */
  readonly busyMs?: number;
  /** Hears of what is done, in few words; never of configuration text. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** BIRD undoes a configuration that is not confirmed within this time, in seconds. */
const undoAfterSeconds = 30;
const defaultBusyMs = 20_000;
/** A configuration of thousands of sessions takes BIRD a while to read. */
const configureTimeoutMs = 60_000;

export function createBirdDaemon(options: BirdDaemonOptions): BirdDaemon {
  const files = birdFiles(options.dir);
  const launcher = options.launcher ?? [];
  const birdPath = options.birdPath ?? 'bird';
  const metric = options.kernelMetric ?? defaultKernelMetric;
  const busyMs = options.busyMs ?? defaultBusyMs;
  const log = options.log ?? (() => undefined);
  const listeners = new Set<() => void>();
  let control: BirdControl | undefined;
  let attaching: Promise<BirdControl | undefined> | undefined;
  let isStopping = false;

  /** The open connection, or a new one to a BIRD that already runs; one at a time, or its end would be heard of twice. */
  function attach(withinMs?: number): Promise<BirdControl | undefined> {
    attaching ??= connect(withinMs).finally(() => {
      attaching = undefined;
    });
    return attaching;
  }

  async function connect(withinMs?: number): Promise<BirdControl | undefined> {
    if (control?.isOpen) return control;
    const connected = await connectBird(files.socket, withinMs);
    if (!connected.ok) return undefined;
    control = connected.value;
    const attached = connected.value;
    void attached.closed.then(() => (control === attached ? hearClosed() : undefined));
    return control;
  }

  async function hearClosed(): Promise<void> {
    if (isStopping || (await attach())) return; // only the connection ended, or we wanted it
    log('BIRD has ended', {});
    for (const listener of listeners) listener();
  }

  async function run(command: BirdCommand, timeoutMs?: number): Promise<Result<BirdReply, BirdError>> {
    const open = await attach();
    if (!open) return err({ kind: 'not-running', subject: command.kind, message: 'no BIRD answers on the socket' });
    return open.run(command, timeoutMs);
  }

  /** Runs a command and takes any code but the expected ones for a refusal. */
  async function expect(command: BirdCommand, codes: readonly number[]): Promise<Result<void, BirdError>> {
    const reply = await run(command, configureTimeoutMs);
    if (!reply.ok) return reply;
    if (codes.includes(reply.value.code)) return ok(undefined);
    return err({ kind: 'refused', subject: command.kind, message: reply.value.message });
  }

  async function reconfigure(text: string): Promise<Result<void, BirdError>> {
    await writeFileAtomically(files.next, text);
    const taken = [replyCodes.reconfigured, replyCodes.reconfiguring, replyCodes.reconfigurationQueued];
    const steps: readonly [BirdCommand, readonly number[]][] = [
      [{ kind: 'configure-check', path: files.next }, [replyCodes.configurationOk]],
      [{ kind: 'configure', path: files.next, undoAfterSeconds }, taken],
      [{ kind: 'confirm' }, [replyCodes.confirmed]],
    ];
    for (const [command, codes] of steps) {
      const done = await expect(command, codes);
      if (done.ok) continue;
      // A text that was only checked changed nothing; after that, what runs is uncertain until the next one is confirmed.
      if (command.kind === 'configure-check' && done.error.kind === 'refused') await removeFile(files.next);
      return done;
    }
    await rename(files.next, files.config);
    return ok(undefined);
  }

  async function start(text: string): Promise<Result<void, BirdError>> {
    const isHung = await isBirdAlive(files, 'running');
    if (isHung) {
      // It may only be busy, with a hundred thousand routes, say.
      if (await attach(busyMs)) return reconfigure(text);
      log('BIRD runs but does not answer; it is killed', {});
      await killBird(files);
    }
    // `stop` takes bird.conf away: while it is there, BIRD ended otherwise, by a crash or for a restart of its own.
    const crashed = isHung || (await isBirdAlive(files, 'stale')) || (await readText(files.config)) !== undefined;
    await writeFileAtomically(files.next, text);
    const checked = await checkConfig(files, launcher, birdPath);
    if (!checked.ok) {
      await removeFile(files.next);
      return checked;
    }
    await rename(files.next, files.config);
    const started = await startBird(files, { launcher, birdPath, recover: crashed });
    if (!started.ok) return started;
    log('BIRD started', { recovering: crashed });
    return (await attach())
      ? ok(undefined)
      : err({ kind: 'not-running', subject: 'start', message: 'BIRD ended right after its start' });
  }

  async function stop(): Promise<Result<void, BirdError>> {
    isStopping = true;
    try {
      const open = await attach();
      if (open) {
        const drained = await reconfigure(printDrained({ kernelMetric: metric }));
        if (!drained.ok) return drained;
        const down = await open.run({ kind: 'down' });
        if (!down.ok && down.error.kind !== 'not-running') return down;
        await Promise.race([open.closed, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
        open.close();
      } else {
        await killBird(files);
      }
      control = undefined;
      return await sweepKernel();
    } finally {
      for (const file of [files.config, files.next, files.pid]) await removeFile(file);
      isStopping = false;
    }
  }

  /** Takes out what a BIRD that died earlier left behind: routes with its protocol number and our metric. */
  async function sweepKernel(): Promise<Result<void, BirdError>> {
    for (const family of families) {
      const args = [`-${family}`, 'route', 'flush', 'table', 'main', 'proto', 'bird', 'metric', String(metric)];
      const [program = 'ip', ...before] = [...launcher, 'ip'];
      const flushed = await runProgram(program, [...before, ...args]);
      if (!flushed.ok)
        return err({ kind: 'failed', subject: 'ip route flush', message: printProgramError(flushed.error) });
    }
    return ok(undefined);
  }

  const inOrder = oneAtATime();

  return {
    adopt: () =>
      inOrder(async () => {
        if (!(await attach())) return undefined;
        return (await readText(files.next)) === undefined ? ((await readText(files.config)) ?? '') : '';
      }),
    configure: (text) =>
      inOrder(async () => {
        await trimLog(files);
        if (!(await attach())) return start(text);
        // What is held back is asked for before: a reconfigured BIRD has forgotten that it stopped.
        const held = await readHeldBack(run);
        const done = await reconfigure(text);
        if (done.ok && held.ok) await reloadSessions(run, held.value);
        return done;
      }),
    stop: () => inOrder(stop),
    async sessions() {
      const reply = await run({ kind: 'show-protocols' });
      return reply.ok ? refusedOr(reply.value, readSessions) : reply;
    },
    async routes(query = {}) {
      const reply = await run({ kind: 'show-routes', ...query }, configureTimeoutMs);
      if (!reply.ok) return reply;
      return reply.value.code === replyCodes.noRoute ? ok([]) : refusedOr(reply.value, readRoutes);
    },
    async enable(session) {
      const reply = await run({ kind: 'enable', session });
      return reply.ok ? refusedOr(reply.value, () => undefined) : reply;
    },
    async bfd() {
      const reply = await run({ kind: 'show-bfd' });
      if (!reply.ok) return reply;
      // Without the protocol BIRD knows no such sessions.
      return reply.value.code === replyCodes.noSuchProtocol ? ok([]) : refusedOr(reply.value, readBfd);
    },
    countExported: (session, family) => countExported(run, session, family),
    async activeAggregates(aggregates) {
      const active: Prefix[] = [];
      for (const { prefix, sessions } of aggregates) {
        const except = sessions.length === 1 ? sessions[0] : undefined;
        const reply = await run({ kind: 'count-members', aggregate: prefix, except });
        const count = reply.ok ? refusedOr(reply.value, readCount) : reply;
        if (!count.ok) return count;
        if (count.value === undefined) return err({ kind: 'failed', subject: 'show route', message: 'no count' });
        if (count.value > 0) active.push(prefix);
      }
      return ok(active);
    },
    restoreRoutes: () =>
      inOrder(async () => {
        const restored: string[] = [];
        for (const family of families) {
          const wanted = await run({ kind: 'show-export', protocol: kernelName(family) }, configureTimeoutMs);
          if (!wanted.ok) return wanted;
          const missing = await missingRoutes(readRoutes(wanted.value), family, metric, launcher);
          if (!missing.ok) return missing;
          if (missing.value.length === 0) continue;
          // Both asked again: a peer that flaps withdraws between two readings, and nobody deleted anything.
          const still = await run({ kind: 'show-export', protocol: kernelName(family) }, configureTimeoutMs);
          if (!still.ok) return still;
          const suspects = new Set(missing.value);
          const kept = readRoutes(still.value).filter(({ prefix }) => suspects.has(prefix));
          const deleted = await missingRoutes(kept, family, metric, launcher);
          if (!deleted.ok) return deleted;
          if (deleted.value.length === 0) continue;
          const given = await expect({ kind: 'reload-out', protocol: kernelName(family) }, [replyCodes.ok]);
          if (!given.ok) return given;
          restored.push(...deleted.value);
        }
        return ok(restored);
      }),
    readmitRoutes: () => inOrder(() => readmitRoutes(run)),
    onDown(listener) {
      listeners.add(listener);
      return { close: () => void listeners.delete(listener) };
    },
    leave() {
      const left = control;
      control = undefined;
      left?.close();
    },
  };
}

function refusedOr<T>(reply: BirdReply, read: (reply: BirdReply) => T): Result<T, BirdError> {
  if (isSuccess(reply)) return ok(read(reply));
  return err({ kind: 'refused', subject: 'show', message: reply.message });
}

async function checkConfig(
  files: BirdFiles,
  launcher: readonly string[],
  birdPath: string,
): Promise<Result<void, BirdError>> {
  const [program = birdPath, ...before] = [...launcher, birdPath];
  const ran = await runProgram(program, [...before, '-p', '-c', files.next]);
  if (!ran.ok) {
    const kind = ran.error.kind === 'missing-program' ? 'missing-program' : 'failed';
    return err({ kind, subject: 'bird -p', message: printProgramError(ran.error) });
  }
  if (ran.value.exitCode === 0) return ok(undefined);
  return err({ kind: 'refused', subject: 'bird -p', message: ran.value.stderr.trim().slice(0, 500) });
}
