/**
 * What every Store driver must do, as one suite: `describeStore('memory', …)`.
 *
 * Invariant: nothing here knows a driver; a driver that passes can stand behind everything that uses the port.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Precondition, Store, StoreChange, StoreEntry, StoreWrite, WatchEvent } from '../../src/store/store.ts';

export interface OpenOptions {
  /** How many transactions a late watcher can still be told. */
  readonly keptRevisions?: number;
}

/** Opens an empty store that no other test sees. */
export type OpenStore = (options?: OpenOptions) => Promise<Store>;

export function describeStore(name: string, open: OpenStore): void {
  describe(`store: ${name}`, () => {
    const opened: Store[] = [];
    const fresh: OpenStore = async (options) => {
      const store = await open(options);
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    describe('reading and writing', () => describeCommits(fresh));
    describe('preconditions', () => describePreconditions(fresh));
    describe('watching', () => describeWatches(fresh));
    describe('closing', () => describeClosing(fresh));
  });
}

function describeCommits(open: OpenStore): void {
  it('begins empty at revision 0', async () => {
    expect(await (await open()).list('')).toEqual({ ok: true, value: { entries: [], revision: 0 } });
  });

  it('gives one revision to a transaction, and shows it on what the transaction wrote', async () => {
    const store = await open();
    await commit(store, put('/a', '1'), put('/b', '1'));
    expect(await commit(store, put('/b', '2'))).toBe(2);
    expect(await entries(store, '/')).toEqual([entry('/a', '1', 1), entry('/b', '2', 2)]);
    expect(await store.get('/b')).toEqual({ ok: true, value: entry('/b', '2', 2) });
    expect(await store.get('/c')).toEqual({ ok: true, value: undefined });
  });

  it('takes no revision for a transaction that changes nothing', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    expect(await commit(store, remove('/b'), check('/a', 'present'))).toBe(1);
    expect(await commit(store)).toBe(1);
  });

  it('takes a revision for a value that is written again', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    expect(await commit(store, put('/a', '1'))).toBe(2);
  });

  it('scans what it lists, in the same order and at the same revision', async () => {
    const store = await open();
    await store.commit(['/k/b', '/k/a', '/x'].map((key) => ({ kind: 'put', key, value: key, expect: 'any' }) as const));
    const scanned: StoreEntry[] = [];
    const revision = await store.scan('/k/', (each) => void scanned.push(each));
    expect({ ok: true, value: { entries: scanned, revision: 1 } }).toEqual(await store.list('/k/'));
    expect(revision).toEqual({ ok: true, value: 1 });
  });

  it('lists in the order of UTF-8 bytes, and only what the prefix begins', async () => {
    const store = await open();
    const keys = ['/k/b', '/k/a', '/k', '/k0', '/k/\u{1f600}', '/k/\uffee', '/k/é', '/k/a/b', '/l'];
    await commit(store, ...keys.map((key) => put(key, key)));
    const listed = (await entries(store, '/k/')).map(({ key }) => key);
    expect(listed).toEqual(['/k/a', '/k/a/b', '/k/b', '/k/é', '/k/\uffee', '/k/\u{1f600}']);
    const bytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect((await entries(store, '')).map(({ key }) => key)).toEqual(bytes);
  });

  it.each([
    ['an empty value', ''],
    ['a NUL and other controls', '{"a":"\u0000\u0001\u007f"}'],
    ['every plane of Unicode', 'a é ☃ \uffff \u{1f600} \u{10ffff}'],
    ['text that looks like a revision', '12:34:56'],
    ['five million characters', 'é'.repeat(2_500_000)],
  ])('gives back %s as it was written', async (_, value) => {
    const store = await open();
    await commit(store, put('/v', value));
    const found = await store.get('/v');
    expect(found.ok && found.value?.value === value).toBe(true);
  });

  it('writes ten thousand keys in one transaction', async () => {
    const store = await open();
    const writes = Array.from({ length: 10_000 }, (_, at) => put(`/n/${String(at).padStart(5, '0')}`, `${at}`));
    expect(await commit(store, ...writes)).toBe(1);
    const listed = await entries(store, '/n/');
    expect(listed).toHaveLength(10_000);
    expect(listed[9_999]).toEqual(entry('/n/09999', '9999', 1));
  });

  it('rejects a key that occurs twice, or is empty, as a mistake of the caller', async () => {
    const store = await open();
    await expect(store.commit([put('/a', '1'), remove('/a')])).rejects.toThrow(/twice/);
    await expect(store.commit([put('', '1')])).rejects.toThrow(/empty/);
    expect(await entries(store, '')).toEqual([]);
  });
}

function describePreconditions(open: OpenStore): void {
  it.each<[string, Precondition, boolean, boolean]>([
    ['any', 'any', true, true],
    ['absent', 'absent', false, true],
    ['present', 'present', true, false],
    ['the revision it has', { revision: 1 }, true, false],
    ['another revision', { revision: 2 }, false, false],
    ['revision 0', { revision: 0 }, false, false],
  ])('%s: holds of a key that is there, of one that is not', async (_, expected, holdsPresent, holdsAbsent) => {
    for (const kind of ['put', 'delete', 'check'] as const) {
      for (const key of ['/there', '/missing']) {
        const store = await open();
        await commit(store, put('/there', 'old'));
        const write: StoreWrite =
          kind === 'put' ? { kind, key, value: 'new', expect: expected } : { kind, key, expect: expected };
        const result = await store.commit([write]);
        expect(result.ok).toBe(key === '/there' ? holdsPresent : holdsAbsent);
        if (result.ok) continue;
        const found = key === '/there' ? 1 : undefined;
        expect(result.error).toEqual({ kind: 'conflict', key, expect: expected, found });
        expect(await entries(store, '')).toEqual([entry('/there', 'old', 1)]);
      }
    }
  });

  it('writes nothing of a transaction of which one precondition fails', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    const result = await store.commit([put('/b', '1'), remove('/a'), check('/c', 'present')]);
    expect(result.ok).toBe(false);
    expect(await store.list('')).toEqual({ ok: true, value: { entries: [entry('/a', '1', 1)], revision: 1 } });
  });

  it('lets exactly one of many writers create a key, and loses no increment of a counter', async () => {
    const store = await open();
    const created = await Promise.all(
      Array.from({ length: 8 }, () => store.commit([{ kind: 'put', key: '/new', value: '', expect: 'absent' }])),
    );
    expect(created.filter(({ ok }) => ok)).toHaveLength(1);
    await commit(store, put('/counter', '0'));
    await Promise.all(Array.from({ length: 8 }, () => increment(store, '/counter', 25)));
    const counter = await store.get('/counter');
    expect(counter.ok && counter.value?.value).toBe('200');
  });
}

async function increment(store: Store, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const found = await store.get(key);
    if (!found.ok || found.value === undefined) throw new Error('the counter is gone');
    const { value, revision } = found.value;
    await Promise.resolve();
    const written = await store.commit([{ kind: 'put', key, value: String(Number(value) + 1), expect: { revision } }]);
    if (written.ok) done += 1;
  }
}

function describeWatches(open: OpenStore): void {
  it('tells of each transaction after the given revision, once, in order, and only under the prefix', async () => {
    const store = await open();
    await commit(store, put('/a/1', 'old'));
    await commit(store, put('/a/2', '1'), put('/b/1', '1'));
    const events = record(store, '/a/', 1);
    await commit(store, put('/b/2', '1'));
    await commit(store, remove('/a/1'), put('/a/0', '1'), put('/b/1', '2'));
    await events.until(4);
    expect(events.seen).toEqual([
      changes(2, putChange('/a/2', '1', 2)),
      changes(4, putChange('/a/0', '1', 4), { kind: 'delete', key: '/a/1', revision: 4 }),
    ]);
  });

  it('says nothing from within the call, and nothing once it is closed', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    const seen: WatchEvent[] = [];
    const watch = store.watch('/', 0, (event) => seen.push(event));
    expect(seen).toEqual([]);
    watch.close();
    const other = record(store, '/', 0);
    await commit(store, put('/a', '2'));
    await other.until(2);
    expect(seen).toEqual([]);
  });

  it('lets a watcher write from within an event, and tells everybody in order', async () => {
    const store = await open();
    const events = record(store, '/', 0);
    const answered: Promise<unknown>[] = [];
    store.watch('/ask/', 0, ({ kind }) => kind === 'changes' && answered.push(store.commit([put('/answer', 'yes')])));
    await commit(store, put('/ask/1', '?'));
    await events.until(2);
    await Promise.all(answered);
    expect(events.seen.map((event) => event.kind === 'changes' && event.revision)).toEqual([1, 2]);
  });

  it('fails as compacted when the log no longer reaches back, and goes on after a new listing', async () => {
    const store = await open({ keptRevisions: 5 });
    for (let at = 1; at <= 20; at += 1) await commit(store, put('/a', `${at}`));
    const late = record(store, '/', 3);
    await late.ended();
    expect(late.seen).toEqual([{ kind: 'failed', error: { kind: 'compacted', revision: 3 } }]);
    const kept = record(store, '/', 15);
    await kept.until(20);
    expect(kept.seen).toHaveLength(5);
  });

  it('fails as compacted for a revision of another store', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    const events = record(store, '/', 99);
    await events.ended();
    expect(events.seen).toEqual([{ kind: 'failed', error: { kind: 'compacted', revision: 99 } }]);
  });

  it('list, then watch, is the store at any time: no gap, whoever writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryTransaction, { minLength: 1, maxLength: 40 }), fc.nat(40), async (all, at) => {
        const store = await open();
        const first = all.slice(0, at).map((writes) => store.commit(writes));
        const listing = await store.list('/');
        if (!listing.ok) throw new Error('cannot list');
        const replica = new Map(listing.value.entries.map((each) => [each.key, each]));
        const events = record(store, '/', listing.value.revision, (change) => {
          if (change.kind === 'put') replica.set(change.entry.key, change.entry);
          else replica.delete(change.key);
        });
        await Promise.all([...first, ...all.slice(at).map((writes) => store.commit(writes))]);
        const last = await store.list('/');
        if (!last.ok) throw new Error('cannot list');
        await events.until(last.value.revision);
        expect([...replica.values()].sort((a, b) => (a.key < b.key ? -1 : 1))).toEqual(last.value.entries);
      }),
      { seed: 20260101, numRuns: 30 },
    );
  });
}

/** One to three writes on a few keys, so that they meet. */
const arbitraryTransaction = fc
  .uniqueArray(fc.record({ key: fc.constantFrom('/a', '/b', '/c', '/d'), value: fc.string(), isPut: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
    selector: ({ key }) => key,
  })
  .map((writes) => writes.map(({ key, value, isPut }) => (isPut ? put(key, value) : remove(key))));

function describeClosing(open: OpenStore): void {
  it('answers everything with unavailable', async () => {
    const store = await open();
    await commit(store, put('/a', '1'));
    await store.close();
    const unavailable = { ok: false, error: { kind: 'unavailable', message: 'the store is closed' } };
    expect(await store.get('/a')).toEqual(unavailable);
    expect(await store.list('')).toEqual(unavailable);
    expect(await store.scan('', () => undefined)).toEqual(unavailable);
    expect(await store.commit([put('/a', '2')])).toEqual(unavailable);
  });

  it('ends watches, those begun before and those begun after', async () => {
    const store = await open();
    const before = record(store, '/', 0);
    await store.close();
    const after = record(store, '/', 0);
    await before.ended();
    await after.ended();
    expect(before.seen.at(-1)).toMatchObject({ kind: 'failed', error: { kind: 'unavailable' } });
    expect(after.seen).toMatchObject([{ kind: 'failed', error: { kind: 'unavailable' } }]);
  });

  it('may be done twice', async () => {
    const store = await open();
    await store.close();
    await store.close();
  });
}

export interface Recording {
  readonly seen: readonly WatchEvent[];
  /** Resolves once every revision up to this one that touches the prefix has been told. */
  until(revision: number): Promise<void>;
  /** Resolves once the watch has failed. */
  ended(): Promise<void>;
}

/** Watches and remembers; `until` looks for a revision, so it must be one that touches the prefix. */
export function record(
  store: Store,
  prefix: string,
  afterRevision: number,
  onChange: (change: StoreChange) => void = () => {},
): Recording {
  const seen: WatchEvent[] = [];
  let wake = () => {};
  let last = afterRevision;
  let hasFailed = false;
  const watch = store.watch(prefix, afterRevision, (event) => {
    seen.push(event);
    if (event.kind === 'failed') hasFailed = true;
    else {
      expect(event.revision).toBeGreaterThan(last);
      last = event.revision;
      for (const change of event.changes) onChange(change);
    }
    wake();
  });
  async function wait(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    seen,
    until: async (revision) => {
      await wait(() => last >= revision || hasFailed);
      watch.close();
    },
    ended: () => wait(() => hasFailed),
  };
}

async function commit(store: Store, ...writes: StoreWrite[]): Promise<number> {
  const result = await store.commit(writes);
  if (!result.ok) throw new Error(`the transaction failed: ${JSON.stringify(result.error)}`);
  return result.value;
}

async function entries(store: Store, prefix: string) {
  const listing = await store.list(prefix);
  if (!listing.ok) throw new Error('cannot list');
  return listing.value.entries;
}

function entry(key: string, value: string, revision: number) {
  return { key, value, revision };
}

function put(key: string, value: string): StoreWrite {
  return { kind: 'put', key, value, expect: 'any' };
}

function remove(key: string): StoreWrite {
  return { kind: 'delete', key, expect: 'any' };
}

function check(key: string, expected: Precondition): StoreWrite {
  return { kind: 'check', key, expect: expected };
}

function putChange(key: string, value: string, revision: number): StoreChange {
  return { kind: 'put', entry: entry(key, value, revision) };
}

function changes(revision: number, ...list: StoreChange[]): WatchEvent {
  return { kind: 'changes', revision, changes: list };
}
