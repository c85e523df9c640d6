/**
 * Timers of a session in the whole seconds and within the limits that BGP and BIRD know.
 *
 *   BGPPeer, Attachment → [session-timers] → SessionIntent.keepalive, .gracefulRestart, .bfd
 *
 * Invariant: what is returned, BIRD accepts. It refuses a whole configuration for one keepalive time out of range, and with
 * it every other session's change.
 */
import { parseDurationMs, parseDurationSeconds } from '../../resources/duration.ts';
import type { FieldPath, Resource } from '../../resources/resource.ts';
import type { Warning } from '../router-intent.ts';
import type { SessionIntent } from './routing-intent.ts';

/** BIRD proposes this unless told otherwise (BIRD 2 manual, "hold time"). */
const defaultHold = 240;
/** BIRD's time, which is also what Calico documents. */
export const defaultRestart = 120;
/** On the link: a dead neighbour is noticed within 0.9 s. Clouds offer no faster (Direct Connect: 300 ms, three times). */
export const defaultBfd: NonNullable<SessionIntent['bfd']> = { minInterval: 300, multiplier: 3 };
/**
 * For the sessions of a group: a router that dies is to be missed by its sister no later than by its neighbours, or what those send
 * the sister's way ends there. The kernel may tell of a lost carrier a second late, so that the link itself does not do.
 */
export function fastestBfd(sessions: readonly SessionIntent[]): NonNullable<SessionIntent['bfd']> {
  const detection = ({ minInterval, multiplier }: NonNullable<SessionIntent['bfd']>) => minInterval * multiplier;
  return sessions.reduce((best, { bfd }) => (bfd && detection(bfd) < detection(best) ? bfd : best), defaultBfd);
}

/** Twelve bits (RFC 4724 §3). */
const longestRestart = 4095;

export interface TimerField {
  readonly subject: Resource | undefined;
  readonly path: FieldPath;
  readonly text: string | undefined;
}

/** Seconds; undefined where nothing is asked for, or zero. `hold` is what the session proposes, in seconds. */
export function resolveKeepalive(field: TimerField, hold: number | undefined, warnings: Warning[]): number | undefined {
  const { text } = field;
  const seconds = parseDurationSeconds(text);
  if (seconds === undefined || parseDurationMs(text) === 0) return undefined;
  if (seconds < 1) return 1;
  const limit = hold === undefined || hold === 0 ? defaultHold : hold;
  if (seconds <= limit) return seconds;
  // RFC 4271 §4.4: a third of the hold time.
  const third = Math.max(1, Math.floor(limit / 3));
  warnings.push({
    code: 'keepalive-too-long',
    subject: field.subject,
    path: field.path,
    message: `${text} is longer than the hold time of ${limit}s, which would end the session: ${third}s is used`,
  });
  return third;
}

/** Seconds, BIRD's time where nothing is asked for. */
export function resolveRestart(field: TimerField, warnings: Warning[]): number | 'default' {
  const seconds = parseDurationSeconds(field.text);
  if (seconds === undefined) return 'default';
  if (seconds <= longestRestart) return seconds;
  warnings.push({
    code: 'restart-too-long',
    subject: field.subject,
    path: field.path,
    message: `${field.text} is more than the ${longestRestart}s that BGP can say: ${longestRestart}s is used`,
  });
  return longestRestart;
}
