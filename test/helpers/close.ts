// The assertion that numbers agree but for rounding.
import * as assert from "uvu/assert";
import { worst } from "./device.ts";

/** Refuses numbers that differ by more than `tol` of the largest wanted one. */
export const close = (got: ArrayLike<number>, want: ArrayLike<number>, tol = 2e-6): void =>
  assert.ok(
    worst(got, want) <= tol,
    `off by ${worst(got, want)}: ${Array.from(got).slice(0, 8)} for ${Array.from(want).slice(0, 8)}`,
  );
