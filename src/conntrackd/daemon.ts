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
  /** Ends it and takes its files away; whether one ran. */
  stop(): Promise<Result<boolean, ConntrackdError>>;
  traffic(): Promise<Result<SyncTraffic, ConntrackdError>>;
  /**
   * Whether a TCP packet in the middle of an unknown flow may begin one (nf_conntrack_tcp_loose). Routers that share state know
   * all flows, so that what is unknown to them is unasked for. Says whether it had to be changed.
   */
  setLooseTcp(on: boolean): Promise<Result<boolean, ConntrackdError>>;
}

export interface ConntrackdError {
  readonly kind: 'missing-program' | 'failed';
  readonly message: string;
}
