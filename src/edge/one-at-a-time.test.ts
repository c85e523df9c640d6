import { expect, it } from 'vitest';
import { oneAtATime } from './one-at-a-time.ts';

it('begins nothing before what came first has ended, and goes on after a failure', async () => {
  const inTurn = oneAtATime();
  const seen: string[] = [];
  const work = (name: string, end: () => void) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
    end();
    return name;
  };
  const fail = (): never => {
    throw new Error('no');
  };
  const first = inTurn(work('first', fail));
  const second = inTurn(work('second', () => {}));
  await expect(first).rejects.toThrow('no');
  expect(await second).toBe('second');
  expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
});
