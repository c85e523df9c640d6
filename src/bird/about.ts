/**
 * What BIRD says of itself.
 *
 *   reply to `show status` → [readAbout] → BirdAbout
 */
import { type BirdReply, replyCodes } from './control.ts';

/** Times as BIRD prints them: `2026-11-25 01:31:09.111`, local time; empty where BIRD did not say. */
export interface BirdAbout {
  /** Whether it is up, and neither shutting down nor taking a configuration. */
  readonly isReady: boolean;
  readonly version: string;
  readonly routerID: string;
  readonly lastBootTime: string;
  readonly lastReconfigurationTime: string;
}

/** Total: a line that is not there reads as empty. */
export function readAbout(reply: BirdReply): BirdAbout {
  const after = (start: string): string => {
    const line = reply.lines.find(({ text }) => text.trim().startsWith(start));
    return line?.text.trim().slice(start.length).trim() ?? '';
  };
  return {
    isReady: reply.code === replyCodes.statusReport && /up and running/.test(reply.message),
    version: after('BIRD '),
    routerID: after('Router ID is'),
    lastBootTime: after('Last reboot on'),
    lastReconfigurationTime: after('Last reconfiguration on'),
  };
}
