#!/usr/bin/env bash
# tanh of a large number is NaN, and sine loses its digits with the size of its argument.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: tanh(89) is 1; sin(1e6) has at least two right digits, as sin(100) has five.
# Seen: tanh(88) is 1 and tanh(89) NaN (e^89 is beyond f32); sin(1e6) is -0.383 where -0.350 is right and cos(1e8) is 1
#   where -0.363 is right.
# A tool should: clamp the argument of tanh (15 is enough for f32), and reduce angles itself before sin and cos:
#   positional encodings and hashes made of sines differ from driver to driver.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const rounded = async (expression, xs) => (await evaluate(expression, xs)).map((v) => Number(v.toFixed(3)));
verdict([
  ["tanh(x) of 88, 89", await evaluate("tanh(x)", [88, 89]), [1, NaN]],
  [`sin(x) of 1e6 (${Math.sin(1e6).toFixed(3)})`, await rounded("sin(x)", [1e6]), [-0.383]],
  [`cos(x) of 1e8 (${Math.cos(1e8).toFixed(3)})`, await rounded("cos(x)", [1e8]), [1]],
]);
JS
node seen.mjs
