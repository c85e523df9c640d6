/** The size of packets that a path carries, found by asking. */
import { describe, expect, it } from 'vitest';
import { type EchoAnswer, findPathMtu } from './path-mtu.ts';

/** A path of that MTU, which answers what is larger so. */
function path(mtu: number, beyond: EchoAnswer = 'silent') {
  const sizes: number[] = [];
  return {
    sizes,
    echo: async (bytes: number): Promise<EchoAnswer> => {
      sizes.push(bytes);
      return bytes <= mtu ? 'answered' : beyond;
    },
  };
}

describe('the MTU of a path', () => {
  it('is asked for once where it is as large as the device says', async () => {
    const { echo, sizes } = path(1500);
    expect(await findPathMtu(echo, 1500)).toEqual({ kind: 'whole' });
    expect(sizes).toEqual([1500]);
  });

  it.each([
    [1500, 1400],
    [1500, 68],
    [1500, 1499],
    [1440, 1240],
    [8500, 1500],
    [65_535, 9001],
  ])('on a device of %i bytes is found to be %i', async (mtu, actual) => {
    const { echo, sizes } = path(actual);
    expect(await findPathMtu(echo, mtu)).toEqual({ kind: 'narrower', bytes: actual, isTold: false });
    expect(sizes.length).toBeLessThanOrEqual(26);
  });

  it('is asked for in few turns, since each that is lost costs a second', async () => {
    let turns = 0;
    let isNewTurn = true;
    const { echo } = path(1500);
    const counting = (bytes: number): Promise<EchoAnswer> => {
      if (isNewTurn) turns++;
      isNewTurn = false;
      return new Promise((resolve) =>
        setImmediate(() => {
          isNewTurn = true;
          resolve(echo(bytes));
        }),
      );
    };
    await findPathMtu(counting, 9001);
    expect(turns).toBeLessThanOrEqual(2 + 7);
  });

  it.each([
    [1404, 4],
    [1400, 2 + 2 + 3 * 5],
    [1499, 2 + 2 + 3 * 5],
    [9000, 2 + 3 * 6],
  ])('is known soon where %i was found elsewhere and it is 1404', async (guess, most) => {
    const { echo, sizes } = path(1404);
    expect(await findPathMtu(echo, 1500, guess)).toMatchObject({ bytes: 1404 });
    expect(sizes.length).toBeLessThanOrEqual(most);
  });

  it('is the largest that passed, whatever smaller one was lost by chance', async () => {
    const { echo } = path(1404);
    let isLost = false;
    const losing = async (bytes: number): Promise<EchoAnswer> => {
      if (isLost || bytes === 1500 || bytes === 68 || bytes > 1000) return echo(bytes);
      isLost = true;
      return 'silent';
    };
    expect(await findPathMtu(losing, 1500)).toMatchObject({ bytes: 1404 });
  });

  it('is no black hole where somebody tells', async () => {
    const { echo } = path(1400, 'too-long');
    expect(await findPathMtu(echo, 1500)).toEqual({ kind: 'narrower', bytes: 1400, isTold: true });
  });

  it('is not known where nobody answers', async () => {
    const { echo, sizes } = path(0);
    expect(await findPathMtu(echo, 1500)).toEqual({ kind: 'unanswered' });
    expect(sizes).toEqual([1500, 68]);
  });
});
