/**
 * Which routes are asked for.
 *
 *   GET /v1/routes?prefix=…&match=…&peer=…&filtered&exportedTo=… ─[parseRouteRequest]→ RouteRequest
 */
import type { Prefix } from '../net/prefix.ts';
import { err, ok, type Result } from '../result.ts';
import { parseRoutePrefix } from './route-explanation.ts';

export interface RouteRequest {
  readonly prefix: Prefix | undefined;
  readonly match: 'exact' | 'longer' | 'for';
  /** Session, resource or address of the peer they were learned from. */
  readonly peer: string | undefined;
  readonly exportedTo: string | undefined;
  /** What was refused, in the place of what was accepted. */
  readonly filtered: boolean;
}

const keys = ['prefix', 'match', 'peer', 'exportedTo', 'filtered'];
const matches = ['exact', 'longer', 'for'] as const;

export function parseRouteRequest(parameters: ReadonlyMap<string, string>): Result<RouteRequest, string> {
  for (const key of parameters.keys()) {
    if (!keys.includes(key)) return err(`${key} cannot be asked for; the keys are ${keys.join(', ')}`);
  }
  const text = parameters.get('prefix');
  const prefix = text === undefined ? undefined : parseRoutePrefix(text);
  if (text !== undefined && !prefix) return err(`${text} is no prefix: write 10.8.0.0/16 or 2001:db8::/32`);
  const match = matches.find((one) => one === (parameters.get('match') ?? 'exact'));
  if (!match) return err(`match is one of ${matches.join(', ')}`);
  const peer = parameters.get('peer');
  const exportedTo = parameters.get('exportedTo');
  const filtered = parameters.has('filtered') && parameters.get('filtered') !== 'false';
  return ok({ prefix, match, peer, exportedTo, filtered });
}
