/**
 * A hub and its peers, each in a network namespace of its own, joined by a cable of their own.
 *
 * Invariant: every process is started and ended by its own pid, and nothing of the host's network is touched.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '../../../src/net/address.ts';

export interface Place {
  readonly name: string;
  /** In its addresses: 192.168.<number>.2/24 and fd00:<number>::2/64, the hub's with 1. */
  readonly number: number;
  readonly dir: string;
  run(program: string, ...args: readonly string[]): string;
  /** In the background, its output in `<title>.log`. */
  spawn(title: string, command: readonly string[], env?: Readonly<Record<string, string>>): RunningProgram;
  /** All that was written into logs here. */
  log(...titles: readonly string[]): string;
}

export interface RunningProgram {
  /** Resolves when it has ended. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  isRunning(): boolean;
}

export interface Star {
  /** What to put before a command to run it at the hub. */
  readonly hubLauncher: readonly string[];
  readonly dir: string;
  readonly hub: Place;
  place(name: string): Place;
  remove(): Promise<void>;
}

export const addressAt = (number: number, family: Family, host: 1 | 2): string =>
  family === 4 ? `192.168.${number}.${host}` : `fd00:${number}::${host}`;

export const wireOf = (number: number): string => `wire${number}`;

/** Numbers follow the order of the names, from 1. */
export function layStar(label: string, names: readonly string[]): Star {
  const dir = mkdtempSync(join(tmpdir(), 'cw-interop-'));
  // Some programs give up root before they open their files.
  chmodSync(dir, 0o755);
  const namespace = (name: string): string => `cw-${label}-${name}-${process.pid}`;
  const running = new Set<RunningProgram>();
  const made: string[] = [];

  const makePlace = (name: string, number: number): Place => {
    const placeDir = join(dir, name);
    mkdirSync(placeDir);
    const at = ['netns', 'exec', namespace(name)];
    return {
      name,
      number,
      dir: placeDir,
      run: (program, ...args) =>
        execFileSync('ip', [...at, program, ...args], { encoding: 'utf8', maxBuffer: 1 << 27, stdio: 'pipe' }),
      spawn(title, command, env = {}) {
        const started = startProgram(['ip', ...at, ...command], join(placeDir, `${title}.log`), env);
        running.add(started);
        return started;
      },
      log: (...titles) => titles.map((title) => readLog(join(placeDir, `${title}.log`))).join('\n'),
    };
  };

  const remove = async (): Promise<void> => {
    await Promise.all([...running].map((program) => program.end('SIGKILL')));
    for (const name of made) spawnSync('ip', ['netns', 'del', name]);
    rmSync(dir, { recursive: true, force: true });
  };

  const addNamespace = (name: string): void => {
    execFileSync('ip', ['netns', 'add', namespace(name)]);
    made.push(namespace(name));
    execFileSync('ip', ['-n', namespace(name), 'link', 'set', 'lo', 'up']);
  };

  addNamespace('hub');
  const hub = makePlace('hub', 0);
  const places = new Map<string, Place>();
  names.forEach((name, index) => {
    const number = index + 1;
    addNamespace(name);
    const place = makePlace(name, number);
    places.set(name, place);
    hub.run('ip', 'link', 'add', wireOf(number), 'type', 'veth', 'peer', 'name', 'wire', 'netns', namespace(name));
    for (const [end, link, host] of [
      [hub, wireOf(number), 1],
      [place, 'wire', 2],
    ] as const) {
      end.run('ip', 'addr', 'add', `${addressAt(number, 4, host)}/24`, 'dev', link);
      end.run('ip', 'addr', 'add', `${addressAt(number, 6, host)}/64`, 'dev', link, 'nodad');
      end.run('ip', 'link', 'set', link, 'up');
    }
  });
  return {
    hubLauncher: ['ip', 'netns', 'exec', namespace('hub')],
    dir,
    hub,
    remove,
    place(name) {
      const found = places.get(name);
      if (!found) throw new Error(`the star has no ${name}`);
      return found;
    },
  };
}

function readLog(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-60).join('\n') : '';
}

function startProgram(command: readonly string[], log: string, env: Readonly<Record<string, string>>): RunningProgram {
  const out = openSync(log, 'a');
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', out, out], env: { ...process.env, ...env } });
  closeSync(out);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    isRunning,
    async end(signal) {
      if (isRunning()) child.kill(signal);
      await ended;
    },
  };
}
