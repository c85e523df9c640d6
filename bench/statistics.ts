/**
 * Medians, percentiles and ratios of a handful of samples.
 *
 *   samples → [statistics] → report
 */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly samples: number;
}

/** Throws RangeError without a sample: a measurement that has none is to be reported as such, not as a number. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = sortNumbers(samples);
  return { median: median(sorted), min: first(sorted), max: first(sorted.toReversed()), samples: sorted.length };
}

/** The middle sample, or the mean of the two middle ones. */
export function median(samples: readonly number[]): number {
  const sorted = sortNumbers(samples);
  const middle = sorted.length / 2;
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2;
}

/** Nearest rank: the smallest sample that at least `percent` % of the samples do not exceed. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = sortNumbers(samples);
  return at(sorted, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1));
}

/**
 * Sample by sample what `samples` cost beyond `floor` of the same round, for rounds that both have. Taken before the
 * median, so that a machine that slows down for some rounds slows both sides of the difference.
 */
export function differences(samples: readonly Round[], floor: readonly Round[]): Round[] {
  const floorOf = new Map(floor.map(({ round, value }) => [round, value]));
  return samples.flatMap(({ round, value }) => {
    const base = floorOf.get(round);
    return base === undefined ? [] : [{ round, value: value - base }];
  });
}

export interface Round {
  readonly round: number;
  readonly value: number;
}

function sortNumbers(samples: readonly number[]): number[] {
  return samples.toSorted((a, b) => a - b);
}

function first(sorted: readonly number[]): number {
  return at(sorted, 0);
}

function at(sorted: readonly number[], index: number): number {
  const value = sorted[index];
  if (value === undefined) throw new RangeError('no samples');
  return value;
}
