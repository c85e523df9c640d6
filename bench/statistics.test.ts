import { describe, expect, it } from 'vitest';
import { differences, median, percentile, summarize } from './statistics.ts';

const oneToHundred = Array.from({ length: 100 }, (_, i) => 100 - i);

describe('median', () => {
  it.each([
    [[5], 5],
    [[9, 1, 5], 5],
    [[1, 2, 4, 100], 3],
    [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 5.5],
  ])('of %j is %d', (samples, expected) => {
    expect(median(samples)).toBe(expected);
  });
});

describe('percentile', () => {
  it.each([
    [50, 50],
    [99, 99],
    [100, 100],
    [0, 1],
  ])('%d of 1 to 100 is %d', (percent, expected) => {
    expect(percentile(oneToHundred, percent)).toBe(expected);
  });
});

describe('summarize', () => {
  it('orders numbers as numbers', () => {
    expect(summarize([10, 9, 100])).toEqual({ median: 10, min: 9, max: 100, samples: 3 });
  });

  it('refuses to make a figure of nothing', () => {
    expect(() => summarize([])).toThrow(RangeError);
  });
});

describe('differences', () => {
  it('compares within a round, and leaves out rounds that one side lost', () => {
    const samples = [
      { round: 0, value: 10 },
      { round: 2, value: 30 },
      { round: 3, value: 20 },
    ];
    const floor = [
      { round: 0, value: 1 },
      { round: 1, value: 2 },
      { round: 3, value: 5 },
    ];
    expect(differences(samples, floor)).toEqual([
      { round: 0, value: 9 },
      { round: 3, value: 15 },
    ]);
  });
});
