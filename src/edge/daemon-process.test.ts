import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type DaemonStart, endDaemon, startDaemon } from './daemon-process.ts';

const dir = mkdtempSync(join(tmpdir(), 'cw-daemon-'));
const log = join(dir, 'log');
const running: number[] = [];

const pidOf = (started: Awaited<ReturnType<typeof startDaemon>>): number => {
  if (!started.ok) throw new Error(started.error.message);
  running.push(started.value);
  return started.value;
};
const start = (command: readonly string[], more: Partial<DaemonStart> = {}) =>
  startDaemon({ name: 'sleeper', package: 'coreutils', command, log, answers: async () => true, ...more });

const isAlive = (pid: number): boolean => {
  const state = /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return state !== 'Z';
};
const findIn = (pid: number) => async (): Promise<number | undefined> => {
  try {
    return isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
};

afterEach(async () => {
  for (const pid of running.splice(0)) await endDaemon(findIn(pid));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('a daemon', () => {
  it('is of use once it answers; its output is in a file that only its owner reads', async () => {
    let asked = 0;
    const answers = async (): Promise<boolean> => ++asked > 2;
    pidOf(await start(['sh', '-c', 'echo awake; exec sleep 60'], { answers }));
    expect(asked).toBe(3);
    expect(readFileSync(log, 'utf8')).toBe('awake\n');
    expect(statSync(log).mode & 0o077).toBe(0);
  });

  it('has a session of its own, and is told of before it answers', async () => {
    const told: number[] = [];
    const begun = async (pid: number): Promise<void> => void told.push(pid);
    const pid = pidOf(await start(['sleep', '60'], { begun, answers: async () => told.length > 0 }));
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    expect([told, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]]).toEqual([[pid], String(pid)]);
  });

  it.each<[string, readonly string[], Awaited<ReturnType<typeof startDaemon>>]>([
    [
      'that is not there',
      ['/nonexistent/sleeper'],
      { ok: false, error: { kind: 'missing-program', message: 'sleeper is not installed: apt-get install coreutils' } },
    ],
    [
      'that whoever shall start it does not find',
      ['sh', '-c', 'exec nonexistent-sleeper'],
      { ok: false, error: { kind: 'missing-program', message: 'sleeper is not installed: apt-get install coreutils' } },
    ],
    [
      'that ends',
      ['sh', '-c', 'exit 3'],
      { ok: false, error: { kind: 'failed', message: `sleeper ended at once (3); see ${log}` } },
    ],
    [
      'that is killed',
      ['sh', '-c', 'kill -9 $$'],
      { ok: false, error: { kind: 'failed', message: `sleeper ended at once (SIGKILL); see ${log}` } },
    ],
  ])('one %s is an error that says so', async (_, command, expected) => {
    expect(await start(command, { answers: async () => false })).toEqual(expected);
  });

  it('that never answers is an error that names its log', async () => {
    const begun = async (pid: number): Promise<void> => void running.push(pid);
    const tried = await start(['sleep', '60'], { begun, answers: async () => false, patienceMs: 50 });
    expect(tried).toEqual({
      ok: false,
      error: { kind: 'timeout', message: `sleeper does not answer; see ${log}` },
    });
  });

  it('ends when it is told to', async () => {
    const pid = pidOf(await start(['sleep', '60']));
    expect(await endDaemon(findIn(pid))).toBe(true);
  });
});
