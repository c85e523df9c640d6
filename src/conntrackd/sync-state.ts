/**
 * Whether the routers of a group share state, from what was last seen of conntrackd.
 *
 *   ensure, traffic ─[noteEnsured, noteTraffic]→ SyncState ─[syncStatus]→ SyncStatus → status, explain packet
 *                                                   └─[syncDuty]→ what to have conntrackd do
 *
 * Invariant: pure; shared is said only while the other router was heard of a moment ago, since half a pair shares nothing.
 */
import type { StateSyncIntent } from '../intent/routing/routing-intent.ts';
import { printAddress } from '../net/address.ts';
import type { SyncTraffic } from './read.ts';

export interface SyncState {
  /** Times it was found dead and started again, since the agent began. */
  readonly restarts: number;
  readonly error: string | undefined;
  readonly traffic: SyncTraffic | undefined;
  /** When the count of received packets last grew, in ms; 0 for never. */
  readonly heardAt: number;
  /** The other router, by its signs of life. `unknown`: not watched for long enough. */
  readonly peer: 'unknown' | 'present' | 'silent';
  /** Since when nothing was heard of it, in ms; undefined before the first reading. */
  readonly quietSince: number | undefined;
  /** Readings in a row that conntrackd did not answer. */
  readonly unanswered: number;
  readonly isRunning: boolean;
}

/** JSON-safe. */
export interface SyncStatus {
  readonly interface: string;
  readonly peers: readonly { readonly router: string; readonly address: string }[];
  readonly isRunning: boolean;
  /** The other router sends, and this one runs. */
  readonly isShared: boolean;
  readonly restarts: number;
  readonly traffic: SyncTraffic | null;
  readonly error: string | null;
}

export const initialSyncState: SyncState = {
  restarts: 0,
  error: undefined,
  traffic: undefined,
  heardAt: 0,
  peer: 'unknown',
  quietSince: undefined,
  unanswered: 0,
  isRunning: false,
};

/** conntrackd says that it is alive every second; after so long without a word state does not count as shared, in ms. */
const staleMs = 10_000;
/** After so long the other router counts as gone, in ms: sooner, since taking over what may not be lost costs little. */
const silentMs = 3_000;
/** A conntrackd that leaves so many readings in a row unanswered hangs. */
const patience = 3;

export function noteEnsured(state: SyncState, how: 'unchanged' | 'started' | 'restarted'): SyncState {
  if (how === 'unchanged') return { ...state, isRunning: true, error: undefined };
  const restarts = state.restarts + (how === 'restarted' && state.isRunning ? 1 : 0);
  return { ...state, isRunning: true, error: undefined, restarts, traffic: undefined, unanswered: 0 };
}

export function noteFailed(state: SyncState, message: string): SyncState {
  return { ...state, isRunning: false, error: message };
}

export function noteUnanswered(state: SyncState): SyncState {
  return { ...state, unanswered: state.unanswered + 1 };
}

export function isHung(state: SyncState): boolean {
  return state.unanswered >= patience;
}

/** `now` in ms. What the first reading shows may be long ago: only growth is a sign of life. */
export function noteTraffic(state: SyncState, traffic: SyncTraffic, now: number): SyncState {
  const before = state.traffic?.receivedPackets;
  const isHeard = typeof before === 'number' && (traffic.receivedPackets ?? 0) > before;
  const read = { ...state, traffic, unanswered: 0 };
  if (isHeard) return { ...read, heardAt: now, quietSince: now, peer: 'present' };
  const quietSince = Math.min(state.quietSince ?? now, now);
  return { ...read, quietSince, peer: now - quietSince >= silentMs ? 'silent' : state.peer };
}

/**
 * What conntrackd must be told after a reading. It keeps apart the flows that its own kernel told of and those that the other
 * router sent, and hands over only the former; so the flows of a router that is gone have to become its own (`take-over`), and
 * one that comes back is given all of them (`offer`).
 */
export function syncDuty(before: SyncState, after: SyncState): 'take-over' | 'offer' | undefined {
  if (after.peer === before.peer) return undefined;
  if (after.peer === 'silent') return 'take-over';
  return before.peer === 'silent' ? 'offer' : undefined;
}

export function syncStatus(sync: StateSyncIntent, state: SyncState, now: number): SyncStatus {
  return {
    interface: sync.interfaceName,
    peers: sync.peers.map(({ router, address }) => ({ router, address: printAddress(address) })),
    isRunning: state.isRunning,
    isShared: state.isRunning && state.heardAt > 0 && now - state.heardAt < staleMs,
    restarts: state.restarts,
    traffic: state.traffic ?? null,
    error: state.error ?? null,
  };
}
