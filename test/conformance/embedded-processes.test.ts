import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/edge/embedded-store.ts';
import type { Store, StoreChange, WatchEvent } from '../../src/store/store.ts';

// Beside node_modules, so that the bundle finds lmdb.
const cache = join(process.cwd(), '.cache');
const writerProgram = join(cache, `store-writer-${process.pid}.mjs`);
const scratch = mkdtempSync(join(tmpdir(), 'causeway-kill-'));
const writers: Writer[] = [];

beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL('./store-writer.ts', import.meta.url))],
    outfile: writerProgram,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['lmdb', 'koffi'],
  });
});

afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.kill();
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  rmSync(writerProgram, { force: true });
});

describe('an embedded store whose writer is killed at any instant', () => {
  it('loses nothing acknowledged and tears no transaction, over 24 kills', { timeout: 90_000 }, async () => {
    const directory = join(scratch, 'one');
    const random = makeRandom(20_260_101);
    let lastRevision = 0;
    for (let round = 0; round < 24; round += 1) {
      const writer = startWriter(directory, 'w');
      await writer.acknowledges(1);
      await pass(random() * 60);
      const { revision, number } = await writer.kill();
      expect(revision).toBeGreaterThan(lastRevision);

      const store = await open(directory);
      const shown = await stateOf(store);
      expect(shown.pairs).toEqual({ w: { a: shown.total, b: shown.total } });
      // The last transaction may have been written and its line not.
      expect([number, number + 1]).toContain(shown.total);
      expect([revision, revision + 1]).toContain(shown.revision);
      expect(shown.revision).toBe(shown.total);
      lastRevision = shown.revision;
      await store.close();
    }
  });

  it('goes on for the other writer and for watchers', { timeout: 90_000 }, async () => {
    const directory = join(scratch, 'two');
    const random = makeRandom(7);
    const store = await open(directory);
    const seen: number[] = [];
    const torn: WatchEvent[] = [];
    store.watch('/', 0, (event) => {
      if (event.kind === 'changes') seen.push(event.revision);
      if (event.kind === 'failed' || !isWhole(event.changes)) torn.push(event);
    });
    const steady = startWriter(directory, 'steady');
    for (let round = 0; round < 8; round += 1) {
      const victim = startWriter(directory, 'victim');
      await victim.acknowledges(3);
      await pass(random() * 40);
      await victim.kill();
      const before = steady.acknowledged();
      await steady.acknowledges(before.lines + 5);
    }
    const { number } = await steady.kill();
    const shown = await stateOf(store);
    await expect.poll(() => seen.at(-1)).toBe(shown.revision);
    expect(torn).toEqual([]);
    expect(seen).toEqual(Array.from({ length: shown.revision }, (_, at) => at + 1));
    const { steady: kept, victim } = shown.pairs;
    expect(kept?.a).toBe(kept?.b);
    expect(victim?.a).toBe(victim?.b);
    expect([number, number + 1]).toContain(kept?.a);
    expect(shown.total).toBe((kept?.a ?? 0) + (victim?.a ?? 0));
    await store.close();
  });

  it('wakes watchers of other processes by the doorbell, long before they would look by themselves', async () => {
    const directory = join(scratch, 'doorbell');
    const store = await open(directory, 600_000);
    const seen: WatchEvent[] = [];
    store.watch('/', 0, (event) => seen.push(event));
    const writer = startWriter(directory, 'w');
    await writer.acknowledges(1);
    await expect.poll(() => seen[0]).toMatchObject({ kind: 'changes', revision: 1 });
    await store.close();
  });
});

/** Every transaction writes both keys of a pair, alike, and the total. */
function isWhole(changes: readonly StoreChange[]): boolean {
  const values = changes.map((change) => (change.kind === 'put' ? change.entry.value : ''));
  return values.length === 3 && values[0] === values[1];
}

interface Shown {
  readonly revision: number;
  readonly total: number;
  readonly pairs: Readonly<Record<string, { a?: number; b?: number }>>;
}

async function stateOf(store: Store): Promise<Shown> {
  const listing = await store.list('/');
  if (!listing.ok) throw new Error(JSON.stringify(listing.error));
  let total = 0;
  const pairs: Record<string, { a?: number; b?: number }> = {};
  for (const { key, value } of listing.value.entries) {
    const [, , name, half] = key.split('/');
    if (key === '/total') total = Number(value);
    else pairs[name ?? ''] = { ...pairs[name ?? ''], [half ?? '']: Number(value) };
  }
  return { revision: listing.value.revision, total, pairs };
}

async function open(directory: string, pollInterval = 100): Promise<Store> {
  const opened = await openEmbeddedStore(directory, { pollInterval });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}

interface Acknowledged {
  readonly lines: number;
  readonly revision: number;
  readonly number: number;
}

interface Writer {
  /** What it has said so far. */
  acknowledged(): Acknowledged;
  /** Resolves once it has said so many lines. */
  acknowledges(lines: number): Promise<void>;
  /** Kills it with SIGKILL and gives the last that it said. */
  kill(): Promise<Acknowledged>;
}

function startWriter(directory: string, name: string): Writer {
  const child: ChildProcess = spawn(process.execPath, [writerProgram, directory, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let wake = () => {};
  let hasEnded = false;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    wake();
  });
  const closed = new Promise<void>((resolve) => {
    child.on('close', () => {
      hasEnded = true;
      wake();
      resolve();
    });
  });
  const acknowledged = (): Acknowledged => {
    // What follows the last line break was cut off by the kill.
    const lines = output.split('\n').slice(0, -1);
    const [revision = 0, number = 0] = (lines.at(-1) ?? '').split(' ').map(Number);
    return { lines: lines.length, revision, number };
  };
  const writer: Writer = {
    acknowledged,
    acknowledges: async (lines) => {
      while (acknowledged().lines < lines) {
        if (hasEnded) throw new Error(`the writer ended by itself, exit code ${child.exitCode}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await closed;
      return acknowledged();
    },
  };
  writers.push(writer);
  return writer;
}

/** The instant of the kill is what is tested, so here time itself is the input. */
async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Mulberry32: numbers from 0 to 1, the same for a seed. */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
