/**
 * Flow records as the API gives them: those asked for, and how much is missing from them.
 *
 *   GET /v1/flows?denied&staged&since=… ─[parseFlowQuery]→ FlowQuery ─[isAskedFor]→ FlowRecord*
 */
import type { FlowRecord, StagedSummary, Unrecorded } from '../flows/flow-record.ts';
import type { FlowPath } from '../intent/routing/flow-symmetry.ts';
import { err, ok, type Result } from '../result.ts';

export interface FlowQuery {
  /** Only what was dropped or rejected. */
  readonly denied: boolean;
  /** Only what staged policy would treat otherwise. */
  readonly staged: boolean;
  /** Not before this time, in ms since the epoch. */
  readonly since: number | undefined;
  /** Those that come from now on, as long as the client listens, in place of those that were. */
  readonly follow: boolean;
}

/** A record, and whether the same routers see both directions of its flow. */
export interface FlowEntry extends FlowRecord {
  readonly path: FlowPath;
}

export interface FlowsView {
  readonly router: string;
  /** Why nothing is recorded; null while the agent reads what the kernel tells. */
  readonly error: string | null;
  /** Packets of which there is no record: what the kernel tells is limited. */
  readonly unrecorded: Unrecorded;
  /** The oldest first. */
  readonly records: readonly FlowEntry[];
  /** By staged policy that concerns this router; of the sampled and denied flows alone. */
  readonly staged: readonly StagedSummary[];
}

/** One line of a followed answer. */
export type FlowLine =
  | { readonly kind: 'record'; readonly record: FlowEntry }
  /** When one of these counts moved, at most once a second. */
  | { readonly kind: 'unrecorded'; readonly unrecorded: Unrecorded }
  /** The client did not read fast enough. */
  | { readonly kind: 'missed'; readonly lines: number };

const keys: readonly string[] = ['denied', 'staged', 'since', 'follow'];

/** A key without a value is `true`. The error says what is wrong with which key. */
export function parseFlowQuery(parameters: ReadonlyMap<string, string>): Result<FlowQuery, string> {
  for (const key of parameters.keys()) {
    if (!keys.includes(key)) return err(`${key} cannot be asked for; the keys are ${keys.join(', ')}`);
  }
  const flags = new Map<string, boolean>();
  for (const key of ['denied', 'staged', 'follow']) {
    const value = parameters.get(key) ?? 'false';
    if (value !== '' && value !== 'true' && value !== 'false') return err(`${key} is true or false`);
    flags.set(key, value !== 'false');
  }
  const text = parameters.get('since');
  const since = text === undefined ? undefined : Date.parse(text);
  if (since !== undefined && Number.isNaN(since)) return err('since is no time: write 2026-11-25T12:00:00Z');
  const is = (key: string): boolean => flags.get(key) === true;
  return ok({ denied: is('denied'), staged: is('staged'), follow: is('follow'), since });
}

export function isAskedFor({ denied, staged, since }: FlowQuery, record: FlowRecord): boolean {
  if (denied && record.verdict !== 'drop' && record.verdict !== 'reject') return false;
  if (staged && record.staged?.differs !== true) return false;
  return since === undefined || Date.parse(record.time) >= since;
}
