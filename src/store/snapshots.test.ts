import { describe, expect, it } from 'vitest';
import { causewayApiVersion } from '../resources/kinds.ts';
import type { Snapshot } from '../resources/snapshot.ts';
import { resourceKey } from './keys.ts';
import { createMemoryStore } from './memory-store.ts';
import { followSnapshots, type InvalidObject, nothingFollowed } from './snapshots.ts';
import type { Store, StoreError, StoreWrite } from './store.ts';

interface Seen {
  readonly snapshot: Snapshot;
  readonly invalid: readonly InvalidObject[];
}

function follow(store: Store) {
  const seen: Seen[] = [];
  const errors: StoreError[] = [];
  const follower = followSnapshots(
    store,
    (snapshot, invalid) => seen.push({ snapshot, invalid }),
    (error) => errors.push(error),
  );
  return { seen, errors, follower };
}

/** Names and AS numbers of the routers a snapshot shows. */
function routers({ snapshot }: Seen): string[] {
  return snapshot.list('Router').map(({ metadata, spec }) => `${metadata.name}:${spec.asNumber}`);
}

function putRouter(name: string, asNumber: unknown, more: object = {}): StoreWrite {
  const value = JSON.stringify({
    apiVersion: causewayApiVersion,
    kind: 'Router',
    metadata: { name },
    spec: { asNumber },
    ...more,
  });
  return { kind: 'put', key: resourceKey('Router', name), value, expect: 'any' };
}

describe('followSnapshots', () => {
  it('begins with everything, then shows each transaction whole', async () => {
    const store = createMemoryStore();
    await store.commit([putRouter('a', 1), putRouter('b', 2)]);
    const { seen } = follow(store);
    await expect.poll(() => seen.map(routers)).toEqual([['a:1', 'b:2']]);
    await store.commit([putRouter('a', 3), { kind: 'delete', key: resourceKey('Router', 'b'), expect: 'any' }]);
    await expect.poll(() => seen.map(routers)).toEqual([['a:1', 'b:2'], ['a:3']]);
    expect(seen.map(({ snapshot }) => snapshot.revision)).toEqual([1, 2]);
  });

  it('shows an empty store too', async () => {
    const { seen } = follow(createMemoryStore());
    await expect.poll(() => seen.map(routers)).toEqual([[]]);
  });

  it('keeps the identity of what did not change', async () => {
    const store = createMemoryStore();
    await store.commit([putRouter('a', 1), putRouter('b', 2)]);
    const { seen } = follow(store);
    await expect.poll(() => seen.length).toBe(1);
    await store.commit([putRouter('b', 3)]);
    await expect.poll(() => seen.length).toBe(2);
    const [first, second] = seen.map(({ snapshot }) => snapshot);
    expect(second?.find('Router', 'a')).toBe(first?.find('Router', 'a'));
    expect(second?.find('Router', 'b')).not.toBe(first?.find('Router', 'b'));
  });

  it('makes no snapshot of a status, of what is no resource, or of a value written again', async () => {
    const store = createMemoryStore();
    await store.commit([putRouter('a', 1)]);
    const { seen } = follow(store);
    await expect.poll(() => seen.length).toBe(1);
    await store.commit([putRouter('a', 1, { status: { sessions: 3 } })]);
    await store.commit([{ kind: 'put', key: '/causeway/guards/v1/tiers/x', value: '{}', expect: 'any' }]);
    await store.commit([putRouter('a', 1)]);
    await store.commit([putRouter('z', 9)]);
    await expect.poll(() => seen.map(routers)).toEqual([['a:1'], ['a:1', 'z:9']]);
  });

  it('keeps the last valid version of what became invalid, and says so until it is mended', async () => {
    const store = createMemoryStore();
    await store.commit([putRouter('a', 1)]);
    const { seen } = follow(store);
    await expect.poll(() => seen.length).toBe(1);
    await store.commit([putRouter('a', 'seven'), putRouter('never', 'valid')]);
    await expect.poll(() => seen.length).toBe(2);
    expect(seen.at(-1)).toMatchObject({
      invalid: [
        { subject: { name: 'a' }, isLastValidKept: true },
        { subject: { name: 'never' }, isLastValidKept: false },
      ],
    });
    expect(seen.slice(-1).map(routers)).toEqual([['a:1']]);
    await store.commit([putRouter('a', 2), putRouter('never', 3)]);
    await expect.poll(() => seen.length).toBe(3);
    expect(seen.slice(-1).map(routers)).toEqual([['a:2', 'never:3']]);
    expect(seen.at(-1)?.invalid).toEqual([]);
  });

  it('lists anew, and keeps last valid versions, when the log no longer reaches back', async () => {
    const inner = createMemoryStore({ keptRevisions: 2 });
    // Whoever watches through this store begins too late by ten transactions, once.
    let isLate = true;
    const store: Store = {
      ...inner,
      watch: (prefix, after, onEvent) => {
        if (!isLate) return inner.watch(prefix, after, onEvent);
        isLate = false;
        for (let at = 0; at < 10; at += 1) void inner.commit([putRouter('a', at + 10)]);
        void inner.commit([putRouter('b', 'broken')]);
        return inner.watch(prefix, after, onEvent);
      },
    };
    await inner.commit([putRouter('a', 1), putRouter('b', 2)]);
    const { seen, errors } = follow(store);
    await expect
      .poll(() => seen.map(routers))
      .toEqual([
        ['a:1', 'b:2'],
        ['a:19', 'b:2'],
      ]);
    expect(errors).toEqual([]);
  });

  it('tells of a store that went away, and nothing after it is closed', async () => {
    const store = createMemoryStore();
    const one = follow(store);
    const two = follow(store);
    await expect.poll(() => [one.seen.length, two.seen.length]).toEqual([1, 1]);
    two.follower.close();
    await store.close();
    await expect.poll(() => one.errors).toMatchObject([{ kind: 'unavailable' }]);
    expect(two.errors).toEqual([]);
    expect(follow(store).seen).toEqual([]);
  });

  it('keeps last valid versions when the store was away, for the follower that comes after', async () => {
    const store = createMemoryStore();
    await store.commit([putRouter('a', 1)]);
    const followed = nothingFollowed();
    const seen: Seen[] = [];
    const see = (snapshot: Snapshot, invalid: readonly InvalidObject[]) => void seen.push({ snapshot, invalid });
    const first = followSnapshots(store, see, () => undefined, followed);
    await expect.poll(() => seen.length).toBe(1);
    first.close();
    await store.commit([putRouter('a', 'many')]);
    followSnapshots(store, see, () => undefined, followed);
    await expect.poll(() => seen.map(routers)).toEqual([['a:1'], ['a:1']]);
    expect(seen[1]?.invalid[0]?.isLastValidKept).toBe(true);
  });

  it('shows after any row of transactions what a new follower would show', async () => {
    const store = createMemoryStore();
    const { seen } = follow(store);
    const policy = (key: string, name: string, order: number): StoreWrite => {
      const metadata = { name, annotations: { 'projectcalico.org/metadata': JSON.stringify({ name }) } };
      const object = { apiVersion: 'projectcalico.org/v3', kind: 'GlobalNetworkPolicy', metadata, spec: { order } };
      return {
        kind: 'put',
        key: resourceKey('GlobalNetworkPolicy', key),
        value: JSON.stringify(object),
        expect: 'any',
      };
    };
    const random = makeRandom(7);
    const pick = () => {
      const name = `p${random(4)}`;
      const key = random(2) === 0 ? name : `default.${name}`;
      if (random(3) > 0) return policy(key, name, random(3));
      return { kind: 'delete', key: resourceKey('GlobalNetworkPolicy', key), expect: 'any' } as const;
    };
    const shown = (one: Seen | undefined) =>
      one?.snapshot
        .list('GlobalNetworkPolicy')
        .map(({ metadata, spec }) => [
          metadata.name,
          spec.order,
          one.snapshot.find('GlobalNetworkPolicy', metadata.name)?.spec.order,
        ]);
    for (let round = 0; round < 200; round += 1) {
      const size = random(20) === 0 ? 8 : 1 + random(3);
      const writes = new Map(Array.from({ length: size }, pick).map((write) => [write.key, write]));
      await store.commit([...writes.values(), putRouter(`r${random(100)}`, 1 + random(9))]);
      const fresh = follow(store);
      await expect.poll(() => fresh.seen.length, { interval: 1 }).toBe(1);
      await expect.poll(() => seen.at(-1)?.snapshot.revision, { interval: 1 }).toBe(fresh.seen[0]?.snapshot.revision);
      expect(shown(seen.at(-1))).toEqual(shown(fresh.seen[0]));
      expect(seen.slice(-1).map(routers)).toEqual(fresh.seen.map(routers));
      fresh.follower.close();
    }
  });
});

/** Whole numbers below a bound, the same ones for the same seed. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}
