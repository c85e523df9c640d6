/**
 * Keeps conntrackd as the intent wants it, for as long as the agent runs.
 *
 *   RunningAgent.intent ─once a second─▶ conntrackd, the kernel's TCP tracking ─▶ SyncStatus
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
  isHung,
  noteEnsured,
  noteFailed,
  noteTraffic,
  noteUnanswered,
  type SyncState,
  type SyncStatus,
  syncDuty,
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
    const tracking = await daemon.setTcpTracking('shared');
    if (!tracking.ok) log.write('warn', 'TCP is not followed as shared state asks', { error: tracking.error.message });
    await readOther();
  }

  async function readOther(): Promise<void> {
    const before = state;
    const traffic = await daemon.traffic();
    if (traffic.ok) {
      state = noteTraffic(before, traffic.value, clock.now());
      const duty = syncDuty(before, state);
      if (duty) await perform(duty);
      return;
    }
    state = noteUnanswered(before);
    if (!isHung(state)) return;
    log.write('warn', 'conntrackd does not answer; it is killed and started again', { error: traffic.error.message });
    await daemon.kill();
  }

  async function perform(duty: 'take-over' | 'offer'): Promise<void> {
    const done = await (duty === 'offer' ? daemon.offer() : daemon.takeOver());
    const what =
      duty === 'offer'
        ? 'the other router is back: it is sent all flows'
        : 'the other router is silent: its flows are ours';
    if (done.ok) log.write('info', what, {});
    else log.write('error', 'flows cannot be handed over', { error: done.error.message });
  }

  async function stop(): Promise<void> {
    if (wasWanted === false) return;
    const stopped = await daemon.stop();
    if (!stopped.ok) {
      log.write('error', 'conntrackd cannot be ended', { error: stopped.error.message });
      return;
    }
    // Only what was ours to set is set back.
    if (stopped.value) await daemon.setTcpTracking('alone');
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
