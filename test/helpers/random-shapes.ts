// Small random shapes, sizes 0 and 1 among them, and properties tried on them.
import fc from "fast-check";

/** Runs a property on a fixed sequence of values. */
export const always = <T>(values: fc.Arbitrary<T>, holds: (value: T) => Promise<void>, runs = 12): Promise<void> =>
  fc.assert(fc.asyncProperty(values, holds), { seed: 20240607, numRuns: runs });

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, m) => n * m, 1);

export const dimension = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.constant(1) },
  { weight: 8, arbitrary: fc.integer({ min: 2, max: 6 }) },
);
export const shapes = fc.array(dimension, { maxLength: 4 });
export const shapesOfRank = (min: number): fc.Arbitrary<number[]> =>
  fc.array(dimension, { minLength: min, maxLength: 4 });

/** A shape, and one that broadcasts with it: sizes replaced by 1, leading ones left out. */
export const pairs = shapes
  .chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.integer({ min: 0, max: shape.length }),
    ),
  )
  .map(([shape, ones, drop]) => ({ shape, small: shape.map((n, d) => (ones[d] ? 1 : n)).slice(drop) }));
