#!/usr/bin/env bash
# atan2(0, 0) is three quarters of π, and asin(0.5) has four digits.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: 0, as in C, and six or seven digits.
# Seen: atan2(0, 0) is 2.3562 and atan2(-0, -0) is -2.3562: it is atan2 of a point on the diagonal of the third
#   quadrant. asin(0.5) is 2·10⁻⁴ low (0.52339), asin(0.9) 3.5·10⁻⁴ high.
# A tool should: guard atan2 at the origin (the phase of a zero gradient or a zero complex number) and write its own
#   asin and acos where angles matter.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const rounded = async (expression, xs) => (await evaluate(expression, xs)).map((v) => Number(v.toFixed(4)));
const offBy = async (x) => Math.round(((await evaluate("asin(x)", [x]))[0] - Math.asin(x)) * 1e4);
verdict([
  ["atan2(x, x) of 0, -0", await rounded("atan2(x, x)", [0, -0]), [2.3562, -2.3562]],
  ["(asin(x) - exact) * 10000 of 0.5", [await offBy(0.5)], [-2]],
  ["(asin(x) - exact) * 10000 of 0.9", [await offBy(0.9)], [4]],
]);
JS
node seen.mjs
