#!/usr/bin/env bash
# A sum is reassociated even where both addends are known only at run time.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: (x + d) - d, with x and d loaded from a buffer, rounds x + d first: 0 for x = 1e-9, d = 1. And x -
#   x is NaN for an infinite x, sqrt(x) * sqrt(x) is NaN for -1.
# Seen: (x + d) - d is 1e-9, x - x is 0 for infinity and NaN, and sqrt(x) * sqrt(x) is 1 for -1: the driver cancels by
#   algebra. d - (d - x), the same thing mirrored, is not cancelled and gives 0.
# A tool should: expect compensated (Kahan) sums and error-free transforms to lose their compensation; sum by trees,
#   or cut the leading bits off with an integer mask. A test for NaN must read the bits.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const tiny = Math.fround(1e-9);
const first = async (expression, xs) => (await evaluate(expression, xs)).slice(0, 1);
verdict([
  ["(x + d) - d of x = 1e-9, d = 1", await first("(x + data[1]) - data[1]", [1e-9, 1]), [tiny]],
  ["d - (d - x) of the same", await first("data[1] - (data[1] - x)", [1e-9, 1]), [0]],
  ["x - x of infinity, NaN", await evaluate("x - x", [Infinity, NaN]), [0, 0]],
  ["sqrt(x) * sqrt(x) of -1", await evaluate("sqrt(x) * sqrt(x)", [-1]), [1]],
]);
JS
node seen.mjs
