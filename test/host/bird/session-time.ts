/**
 * When a session began, as BIRD tells it.
 *
 * BIRD keeps its age, and reckons the time of day anew for each answer, in whole seconds: of one session it may say the second
 * beside the one that it said before, the more easily the busier the machine.
 */
import { expect } from 'vitest';

/** Whether both can be told of one session; of none they cannot. */
export function isSameTime(one: string | undefined, other: string | undefined): boolean {
  return Math.abs(Date.parse(one ?? '') - Date.parse(other ?? '')) <= 1000;
}

/** For `toEqual`: the session that began then. */
export function began(since: string | undefined): string {
  return expect.toSatisfy((told: string) => isSameTime(told, since), `the session of ${since}`) as string;
}
