/**
 * Two network namespaces joined by a cable, and a way to run things in them; nothing of the host's is touched.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually as lastRead } from '../../../lab/eventually.ts';

/** Fails loudly, with what to install, where real programs or rights are missing. */
export function requirePrograms(): void {
  if (process.getuid?.() !== 0) throw new Error('these tests make network namespaces: run them as root');
  for (const [program, probe, debianPackage] of [
    ['bird', '--version', 'bird2'],
    ['ip', '-V', 'iproute2'],
  ] as const) {
    if (spawnSync(program, [probe]).error) throw new Error(`${program} is missing: apt-get install ${debianPackage}`);
  }
}

export interface Cable {
  readonly dir: string;
  /** What to put before a command to run it at one end. */
  at(end: 'a' | 'b'): readonly string[];
  run(end: 'a' | 'b', ...command: readonly string[]): string;
  remove(): void;
}

/** End a has 192.168.0.1/30 and fd00::1/64 on `wire`, end b the other address of each. */
export function layCable(label: string): Cable {
  const dir = mkdtempSync(join(tmpdir(), 'cw-bird-'));
  const name = (end: 'a' | 'b'): string => `cw-${label}-${end}-${process.pid}`;
  const at = (end: 'a' | 'b'): readonly string[] => ['ip', 'netns', 'exec', name(end)];
  const run = (end: 'a' | 'b', ...command: readonly string[]): string => {
    const [program = '', ...args] = [...at(end), ...command];
    return execFileSync(program, args, { encoding: 'utf8' });
  };
  const cable: Cable = {
    dir,
    at,
    run,
    remove() {
      for (const end of ['a', 'b'] as const) spawnSync('ip', ['netns', 'del', name(end)]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    for (const end of ['a', 'b'] as const) execFileSync('ip', ['netns', 'add', name(end)]);
    run('a', 'ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', name('b'));
    for (const [end, host] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      run(end, 'ip', 'addr', 'add', `192.168.0.${host}/30`, 'dev', 'wire');
      run(end, 'ip', 'addr', 'add', `fd00::${host}/64`, 'dev', 'wire', 'nodad');
      for (const link of ['lo', 'wire']) run(end, 'ip', 'link', 'set', link, 'up');
    }
  } catch (error) {
    cable.remove();
    throw error;
  }
  return cable;
}

/** Reads until it matches; the last reading is in the failure. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T> | T,
  matches: (value: Awaited<T>) => boolean,
  within = 60_000,
): Promise<Awaited<T>> {
  const last = await lastRead(read, matches, { within, every: 50 });
  if (matches(last)) return last;
  throw new Error(`not within ${within} ms: ${what}; last: ${JSON.stringify(last)}`);
}
