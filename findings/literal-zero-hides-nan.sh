#!/usr/bin/env bash
# A literal zero hides NaN; the same zero loaded from a buffer does not.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: NaN * 0.0 is NaN, and so is 0.0 / NaN.
# Seen: x * 0.0 and 0.0 / x are 0 for NaN and infinity where 0.0 stands in the shader's text. With a zero from a
#   buffer they are NaN.
# A tool should: pass a weight that may be 0 at run time, or drop its term on purpose: a loss term of literal weight 0
#   reports a healthy total over a broken term.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const first = async (expression, xs) => (await evaluate(expression, xs)).slice(0, 1);
verdict([
  ["x * 0.0 of NaN, infinity", await evaluate("x * 0.0", [NaN, Infinity]), [0, 0]],
  ["x * d of NaN, d = 0 loaded", await first("x * data[1]", [NaN, 0]), [NaN]],
  ["0.0 / x of NaN", await evaluate("0.0 / x", [NaN]), [0]],
  ["d / x of NaN, d = 0 loaded", await first("data[1] / x", [NaN, 0]), [NaN]],
]);
JS
node seen.mjs
