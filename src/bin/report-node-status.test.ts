import { expect, it } from 'vitest';
import type { BirdDaemon } from '../bird/daemon.ts';
import { resource } from '../resources/resource.fixture.ts';
import type { AnyResource } from '../resources/resource.ts';
import { makeSnapshot } from '../resources/snapshot.ts';
import { err, ok } from '../result.ts';
import { reportNodeStatus } from './report-node-status.ts';

function asking(name: string, node: string, updatePeriodSeconds: number, classes: string[] = ['BGP']): AnyResource {
  return resource('CalicoNodeStatus', name, { node, updatePeriodSeconds, classes } as never);
}

/** A router whose clock rings when told to; each ring takes a second. */
function world(first: readonly AnyResource[]) {
  let resources = first;
  let now = 0;
  let ring = (): void => undefined;
  const written: string[] = [];
  const reads: string[] = [];
  let isStoreAway = false;
  const read = async (what: string) => {
    reads.push(what);
    return ok([]);
  };
  const hang = (_: number, bell: () => void) => {
    ring = bell;
    return { close: () => undefined };
  };
  const reader = reportNodeStatus(
    'tr1',
    { snapshot: () => makeSnapshot(resources) },
    {
      bird: {
        sessions: () => read('sessions'),
        routes: () => read('routes'),
      } as unknown as BirdDaemon,
      clock: { now: () => now, every: hang },
      log: { write: () => undefined },
      about: async () => {
        reads.push('about');
        return undefined;
      },
      write: async (name) => {
        if (isStoreAway) return err({ kind: 'unavailable', message: 'away' });
        written.push(name);
        return ok(undefined);
      },
    },
  );
  return {
    written,
    reads,
    reader,
    ask: (next: readonly AnyResource[]) => {
      resources = next;
    },
    loseStore: (away: boolean) => {
      isStoreAway = away;
    },
    async seconds(count: number) {
      for (let i = 0; i < count; i++) {
        ring();
        // Everything here is promises that are resolved already.
        await new Promise((resolve) => setImmediate(resolve));
        now += 1000;
      }
      return written.length;
    },
  };
}

it('writes for this router alone, as often as asked, and once for a period of 0', async () => {
  const { seconds, written } = world([asking('often', 'tr1', 2), asking('once', 'tr1', 0), asking('other', 'tr2', 1)]);
  await seconds(5);
  expect(written).toEqual(['often', 'once', 'often', 'often']);
});

it('reads of BIRD only what is asked for', async () => {
  const { seconds, reads, ask } = world([asking('a', 'tr1', 0, ['Agent'])]);
  await seconds(2);
  expect(reads).toEqual(['about']);
  ask([asking('b', 'tr1', 0, ['BGP'])]);
  await seconds(1);
  expect(reads).toEqual(['about', 'sessions']);
  ask([asking('c', 'tr1', 0, ['Routes'])]);
  await seconds(1);
  expect(reads).toEqual(['about', 'sessions', 'sessions', 'routes']);
});

it('answers anew what is asked anew: changed, or taken away and made again', async () => {
  const { seconds, ask } = world([asking('once', 'tr1', 0)]);
  expect(await seconds(2)).toBe(1);
  ask([asking('once', 'tr1', 0, ['Agent'])]);
  expect(await seconds(2)).toBe(2);
  ask([]);
  await seconds(1);
  ask([asking('once', 'tr1', 0, ['Agent'])]);
  expect(await seconds(2)).toBe(3);
});

it('tries again what the store did not take', async () => {
  const { seconds, loseStore } = world([asking('once', 'tr1', 0)]);
  loseStore(true);
  expect(await seconds(3)).toBe(0);
  loseStore(false);
  expect(await seconds(3)).toBe(1);
});

it('writes nothing more once it is closed', async () => {
  const { seconds, reader } = world([asking('often', 'tr1', 1)]);
  expect(await seconds(1)).toBe(1);
  await reader.close();
  expect(await seconds(3)).toBe(1);
});
