#!/usr/bin/env bash
# fract of a small negative number is 1, and the remainder of a large number by 3 is 0.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: fract is below 1 always; 1e10 % 3 is 1 (f32 holds 1e10 exactly); x % infinity is x.
# Seen: fract(-1e-9) is 1, 1e10 % 3.0 is 0, 1 % (1/3) is 0 and 3 % infinity is NaN: both are computed by x - y *
#   trunc(x / y) or x - floor(x) without a further look.
# A tool should: clamp an index made by floor(fract(u) * n) to n - 1, and take remainders of integers as integers.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const first = async (xs) => (await evaluate("x % data[1]", xs)).slice(0, 1);
verdict([
  ["fract(x) of -1e-9", await evaluate("fract(x)", [-1e-9]), [1]],
  ["1e10 % 3", await first([1e10, 3]), [0]],
  ["1e7 % 3", await first([1e7, 3]), [1]],
  ["3 % infinity", await first([3, Infinity]), [NaN]],
]);
JS
node seen.mjs
