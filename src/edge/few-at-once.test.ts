/** How many are under way at a time, in which order they are handed back, and what a slow or a failed one does to the others. */
import { describe, expect, it } from 'vitest';
import { fewAtOnce } from './few-at-once.ts';

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};

describe('work on many things', () => {
  it('is done a few at a time, and handed back in their order', async () => {
    let [underWay, most] = [0, 0];
    const done = await fewAtOnce(3, [5, 1, 4, 1, 3, 2, 0], async (length) => {
      most = Math.max(most, ++underWay);
      await turns(length * 10);
      underWay--;
      return length;
    });
    expect(done).toEqual([5, 1, 4, 1, 3, 2, 0]);
    expect(most).toBe(3);
  });

  it('goes on beside one that takes long', async () => {
    const ended: number[] = [];
    await fewAtOnce(2, [0, 1, 2, 3], async (item) => {
      await turns(item === 0 ? 1000 : 1);
      ended.push(item);
    });
    expect(ended).toEqual([1, 2, 3, 0]);
  });

  it('fails as the one that failed, and is nothing where there is nothing', async () => {
    const failing = fewAtOnce(2, [1, 2], (item) =>
      item === 2 ? Promise.reject(new Error('two')) : Promise.resolve(item),
    );
    await expect(failing).rejects.toThrow('two');
    expect(await fewAtOnce(8, [], () => Promise.resolve(0))).toEqual([]);
  });
});
