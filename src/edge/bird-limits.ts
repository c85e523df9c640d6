/**
 * Has BIRD take or give again what a limit held back, once there is room for it.
 *
 *   show protocols all ─[bird/held-back]→ HeldBack[] ─count→ those with room ─reload→ BIRD
 *
 * Invariant: a limit is never passed; a session that a limit has ended stays ended.
 */
import { type BirdCommand, type BirdReply, isSuccess } from '../bird/control.ts';
import type { BirdError } from '../bird/daemon.ts';
import { type HeldBack, hasRoom, heldBack } from '../bird/held-back.ts';
import { readCount, readSessions } from '../bird/read.ts';
import type { Family } from '../net/address.ts';
import { err, ok, type Result } from '../result.ts';

type Run = (command: BirdCommand, timeoutMs?: number) => Promise<Result<BirdReply, BirdError>>;

/** Counting goes through the whole table, in ms. */
const countTimeoutMs = 60_000;

export async function readHeldBack(run: Run): Promise<Result<readonly HeldBack[], BirdError>> {
  const reply = await run({ kind: 'show-protocols' });
  return reply.ok ? ok(heldBack(readSessions(reply.value))) : reply;
}

export async function countExported(run: Run, session: string, family: Family): Promise<Result<number, BirdError>> {
  const reply = await run({ kind: 'count-exported', session, family }, countTimeoutMs);
  if (!reply.ok) return reply;
  const count = readCount(reply.value);
  return count === undefined ? err({ kind: 'failed', subject: 'show route', message: 'no count' }) : ok(count);
}

/** Names of those that BIRD reloads: not one that is gone meanwhile, nor one whose peer knows no route refresh (RFC 2918). */
export async function reloadSessions(run: Run, sessions: readonly HeldBack[]): Promise<readonly string[]> {
  const reloaded: string[] = [];
  for (const { session, direction } of sessions) {
    const reply = await run({ kind: 'reload-session', session, direction: direction === 'export' ? 'out' : 'in' });
    if (reply.ok && isSuccess(reply.value)) reloaded.push(session);
  }
  return reloaded;
}

/** Names of the sessions that have it. */
export async function readmitRoutes(run: Run): Promise<Result<readonly string[], BirdError>> {
  const held = await readHeldBack(run);
  if (!held.ok) return held;
  const open: HeldBack[] = [];
  for (const one of held.value) {
    const count = one.direction === 'export' ? await countExported(run, one.session, one.family) : ok(one.count);
    if (!count.ok) return count;
    if (hasRoom({ ...one, count: count.value })) open.push(one);
  }
  return ok(await reloadSessions(run, open));
}
