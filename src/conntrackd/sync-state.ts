/**
 * Whether the routers of a group share state, from what was last seen of conntrackd.
 *
 *   ensure, traffic ─[noteEnsured, noteTraffic]→ SyncState ─[syncStatus]→ SyncStatus → status, explain packet
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
  isRunning: false,
};

/** conntrackd says that it is alive every second or so; so long without a word is silence, in ms. */
const silentMs = 10_000;

export function noteEnsured(state: SyncState, how: 'unchanged' | 'started' | 'restarted'): SyncState {
  const restarts = state.restarts + (how === 'restarted' && state.isRunning ? 1 : 0);
  const traffic = how === 'unchanged' ? state.traffic : undefined;
  return { ...state, isRunning: true, error: undefined, restarts, traffic };
}

export function noteFailed(state: SyncState, message: string): SyncState {
  return { ...state, isRunning: false, error: message };
}

export function noteTraffic(state: SyncState, traffic: SyncTraffic, now: number): SyncState {
  const before = state.traffic?.receivedPackets ?? 0;
  const received = traffic.receivedPackets ?? 0;
  return { ...state, traffic, heardAt: received > before ? now : state.heardAt };
}

export function syncStatus(sync: StateSyncIntent, state: SyncState, now: number): SyncStatus {
  return {
    interface: sync.interfaceName,
    peers: sync.peers.map(({ router, address }) => ({ router, address: printAddress(address) })),
    isRunning: state.isRunning,
    isShared: state.isRunning && state.heardAt > 0 && now - state.heardAt < silentMs,
    restarts: state.restarts,
    traffic: state.traffic ?? null,
    error: state.error ?? null,
  };
}
