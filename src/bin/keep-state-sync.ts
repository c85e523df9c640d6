/**
 * Keeps conntrackd as the intent wants it, for as long as the agent runs.
 *
 *   RunningAgent.intent ─once a second─▶ conntrackd, nf_conntrack_tcp_loose ─▶ SyncStatus
 *
 * Beside `step`: whether state is shared or not changes nothing of what policy and routes must be.
 * Invariant: nothing is touched before there is an intent; ending the agent leaves conntrackd as it is.
 */
import type { RunningAgent } from '../agent/loop.ts';
import type { Clock, LogSink } from '../agent/ports.ts';
import { type ConntrackdFiles, compileConntrackd, printConntrackd } from '../conntrackd/config.ts';
import type { ConntrackdDaemon } from '../conntrackd/daemon.ts';
import {
  initialSyncState,
  noteEnsured,
  noteFailed,
  noteTraffic,
  type SyncState,
  type SyncStatus,
  syncStatus,
} from '../conntrackd/sync-state.ts';
import type { StateSyncIntent } from '../intent/routing/routing-intent.ts';

export interface StateSyncKeeper {
  /** Null where no state is to be shared. */
  status(): SyncStatus | null;
  close(): Promise<void>;
}

const lookMs = 1_000;

export function keepStateSync(
  agent: RunningAgent,
  daemon: ConntrackdDaemon,
  files: ConntrackdFiles,
  { clock, log }: { readonly clock: Clock; readonly log: LogSink },
): StateSyncKeeper {
  let state: SyncState = initialSyncState;
  let wasWanted: boolean | undefined;
  let work: Promise<void> | undefined;
  let isClosed = false;

  const wanted = (): StateSyncIntent | undefined => agent.intent()?.routing.group?.stateSync;

  async function look(): Promise<void> {
    // Without an intent nothing is known of what is wanted, unless the router was seen to be none any more.
    if (agent.intent() === undefined && !agent.isConverged()) return;
    const sync = wanted();
    const config = sync && compileConntrackd(sync, files);
    if (!config) await stop();
    else await keep(printConntrackd(config));
  }

  async function keep(text: string): Promise<void> {
    wasWanted = true;
    const ensured = await daemon.ensure(text);
    if (!ensured.ok) {
      if (state.error !== ensured.error.message) {
        log.write('error', 'connection state is not shared', { error: ensured.error.message });
      }
      state = noteFailed(state, ensured.error.message);
      return;
    }
    if (ensured.value !== 'unchanged') log.write('info', `conntrackd ${ensured.value}`, {});
    state = noteEnsured(state, ensured.value);
    const loose = await daemon.setLooseTcp(false);
    if (!loose.ok) log.write('warn', 'packets of unknown flows may begin one', { error: loose.error.message });
    const traffic = await daemon.traffic();
    if (traffic.ok) state = noteTraffic(state, traffic.value, clock.now());
  }

  async function stop(): Promise<void> {
    if (wasWanted === false) return;
    const stopped = await daemon.stop();
    if (!stopped.ok) {
      log.write('error', 'conntrackd cannot be ended', { error: stopped.error.message });
      return;
    }
    // Only what was ours to set is set back.
    if (stopped.value) await daemon.setLooseTcp(true);
    wasWanted = false;
    state = initialSyncState;
  }

  const timer = clock.every(lookMs, () => {
    if (work !== undefined || isClosed) return;
    work = look().finally(() => {
      work = undefined;
    });
  });

  return {
    status() {
      const sync = wanted();
      return sync ? syncStatus(sync, state, clock.now()) : null;
    },
    async close() {
      isClosed = true;
      timer.close();
      await work;
    },
  };
}
