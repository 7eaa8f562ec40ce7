/** Pure statistics of the benchmark: everything is a list of numbers of one unit. */

export type Summary = { runs: number; median: number; q1: number; q3: number; min: number; max: number };

/** A ratio of two medians, and the bounds within which it lies with 95 % confidence. */
export type Ratio = { value: number; low: number; high: number };

/** A quantile (0 to 1) with linear interpolation between the two nearest values; NaN without values. */
export function quantile(values: readonly number[], part: number): number {
  return quantileOfSorted(
    values.toSorted((a, b) => a - b),
    part,
  );
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => quantileOfSorted(sorted, part);
  return { runs: values.length, median: at(0.5), q1: at(0.25), q3: at(0.75), min: at(0), max: at(1) };
}

const resamples = 2000;

/**
 * The ratio of the medians of two lists, with a bootstrap interval: both lists are drawn anew from themselves 2,000
 * times, and 95 % of the ratios lie between the bounds. The draws are the same in every run of the program.
 */
export function ratioOfMedians(numerator: readonly number[], denominator: readonly number[]): Ratio {
  const random = generator();
  const ratios = Array.from(
    { length: resamples },
    () => median(drawn(numerator, random)) / median(drawn(denominator, random)),
  );
  return {
    value: median(numerator) / median(denominator),
    low: quantile(ratios, 0.025),
    high: quantile(ratios, 0.975),
  };
}

/** Whether the interval leaves no doubt that the two differ. */
export function isCertain({ low, high }: Ratio): boolean {
  return low > 1 || high < 1;
}

function quantileOfSorted(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

function drawn(values: readonly number[], random: () => number): number[] {
  return values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN);
}

/** A linear congruential generator (the constants of Numerical Recipes) is random enough for resampling. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
