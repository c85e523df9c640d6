import { describe, expect, it } from 'vitest';
import { parseAddress } from '../net/address.ts';
import type { SyncTraffic } from './read.ts';
import {
  initialSyncState,
  isHung,
  noteEnsured,
  noteFailed,
  noteTraffic,
  noteUnanswered,
  type SyncState,
  syncDuty,
  syncStatus,
} from './sync-state.ts';

const [local, address] = ['192.0.2.1', '192.0.2.2'].map(parseAddress);
if (!local || !address) throw new Error('bad address');
const intent = { interfaceName: 'sync0', local, peers: [{ router: 'r2', address }], port: 3780 };

function received(packets: number | null): SyncTraffic {
  return { sentPackets: 1, receivedPackets: packets, sendErrors: 0, receiveErrors: 0, lostPackets: 0 };
}

/** Reads once a second; gives the state after, and what conntrackd had to be told at which reading. */
function watch(readings: readonly (number | null)[], from: SyncState = noteEnsured(initialSyncState, 'started')) {
  const duties: string[] = [];
  let state = from;
  for (const [i, packets] of readings.entries()) {
    const next = noteTraffic(state, received(packets), 1_000_000 + i * 1000);
    const duty = syncDuty(state, next);
    if (duty) duties.push(`${duty}@${i}`);
    state = next;
  }
  return { state, duties, now: 1_000_000 + (readings.length - 1) * 1000 };
}

const isShared = ({ state, now }: ReturnType<typeof watch>, later = 0): boolean =>
  syncStatus(intent, state, now + later).isShared;

describe('state is shared', () => {
  it.each<[string, (number | null)[], boolean]>([
    ['while the count of what came grows', [3, 4], true],
    ['not by a count that may be of long ago', [3], false],
    ['not by a count that stands still', [3, 3, 3], false],
    ['not where conntrackd did not say', [null, null], false],
  ])('%s', (_, readings, expected) => {
    expect(isShared(watch(readings))).toBe(expected);
  });

  it('no more after ten seconds without a word', () => {
    expect(isShared(watch([3, 4]), 9_000)).toBe(true);
    expect(isShared(watch([3, 4]), 11_000)).toBe(false);
  });

  it('no more where conntrackd cannot run', () => {
    const { state, now } = watch([3, 4]);
    expect(syncStatus(intent, noteFailed(state, 'not installed'), now)).toMatchObject({
      isShared: false,
      isRunning: false,
      error: 'not installed',
    });
  });
});

describe('flows', () => {
  it.each<[string, number[], string[]]>([
    ['stay whose they are while both live', [1, 2, 3, 4, 5], []],
    ['are taken over once, from a router that falls silent', [1, 2, 2, 2, 2, 2, 2], ['take-over@4']],
    ['are taken over from one that was silent from the first', [7, 7, 7, 7, 7], ['take-over@3']],
    ['are offered to one that comes back', [1, 2, 2, 2, 2, 3, 4], ['take-over@4', 'offer@5']],
    ['stay whose they are when one word is late', [1, 2, 2, 3, 3, 4], []],
  ])('%s', (_, readings, duties) => {
    expect(watch(readings).duties).toEqual(duties);
  });

  it('are taken over in time although the clock was put back', () => {
    const before = noteTraffic(noteEnsured(initialSyncState, 'started'), received(1), 9_000_000);
    expect(watch([1, 1, 1, 1], before).duties).toEqual(['take-over@3']);
  });
});

it('a conntrackd that leaves three readings unanswered hangs; an answer clears it', () => {
  const twice = noteUnanswered(noteUnanswered(noteEnsured(initialSyncState, 'started')));
  expect(isHung(twice)).toBe(false);
  expect(isHung(noteUnanswered(twice))).toBe(true);
  expect(isHung(noteUnanswered(noteTraffic(twice, received(1), 1)))).toBe(false);
  expect(isHung(noteEnsured(noteUnanswered(twice), 'restarted'))).toBe(false);
});

it('a death counts, a first start does not', () => {
  const started = noteEnsured(initialSyncState, 'restarted');
  expect(started.restarts).toBe(0);
  expect(noteEnsured(started, 'restarted').restarts).toBe(1);
});
