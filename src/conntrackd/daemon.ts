/**
 * The port to one router's conntrackd.
 *
 *   conntrackd.conf ─[ensure]→ conntrackd ─[traffic]→ SyncTraffic → status
 *
 * Invariant: it outlives whoever started it, and runs with the text it was last given or not at all.
 */
import type { Result } from '../result.ts';
import type { SyncTraffic } from './read.ts';

export interface ConntrackdDaemon {
  /**
   * Makes it run with the text. `unchanged`: it did already; `started`: none ran; `restarted`: it ran with another text, or
   * had died.
   */
  ensure(text: string): Promise<Result<'unchanged' | 'started' | 'restarted', ConntrackdError>>;
  /** Ends it and takes its files away; whether there was anything of ours. */
  stop(): Promise<Result<boolean, ConntrackdError>>;
  traffic(): Promise<Result<SyncTraffic, ConntrackdError>>;
  /** Makes all flows in the kernel's table its own, those too that the other router sent. */
  takeOver(): Promise<Result<void, ConntrackdError>>;
  /** The same, and sends all of them to the other router. */
  offer(): Promise<Result<void, ConntrackdError>>;
  /** Kills one that hangs. Fine when none runs. */
  kill(): Promise<Result<void, ConntrackdError>>;
  /** How the kernel follows TCP; says whether anything had to be changed. */
  setTcpTracking(as: TcpTracking): Promise<Result<boolean, ConntrackdError>>;
}

/**
 * `shared`: routers that share state know all flows, so a segment of an unknown one is unasked for (nf_conntrack_tcp_loose off);
 * and each misses the windows that the other saw pass, so a segment outside of them is none of a stranger's
 * (nf_conntrack_tcp_be_liberal on). `alone`: as it was before.
 */
export type TcpTracking = 'shared' | 'alone';

export interface ConntrackdError {
  readonly kind: 'missing-program' | 'failed';
  readonly message: string;
}
