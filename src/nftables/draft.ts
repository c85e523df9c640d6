/**
 * Objects while one part of the ruleset is being compiled: what every stage of compiling adds its own to.
 */
import type { LogRate } from '../intent/policy/policy-intent.ts';
import type { Chain, VerdictMap } from './ruleset.ts';

export interface Draft {
  readonly chains: Map<string, Chain>;
  readonly maps: Map<string, VerdictMap>;
  /** Of each Log rule. */
  readonly logRate: LogRate | undefined;
}

export function emptyDraft(logRate: LogRate | undefined): Draft {
  return { chains: new Map(), maps: new Map(), logRate };
}
