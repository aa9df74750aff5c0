#!/usr/bin/env bash
# The logarithm of a negative number is finite, and NaN goes in and a plain number comes out.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: log(-100) is NaN, or anything, log(0) is -infinity, log(NaN) NaN, exp(NaN) NaN, pow(-1, 0.5) NaN.
# Seen: log(-100) is 4.605, the logarithm of 100; log(0) is -88.03; log(NaN) is 89.13; pow(-1, 0.5) is 1; exp(NaN) is
#   infinite; fract(NaN) is 0.99999994. Only sqrt and sin keep NaN.
# A tool should: look for NaN by the bits before such functions, not after them; a log-likelihood stays plausible here
#   where it is NaN elsewhere.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const rounded = async (expression, xs) => (await evaluate(expression, xs)).map((v) => Number(v.toFixed(2)));
verdict([
  ["log(x) of -100, 0, NaN", await rounded("log(x)", [-100, 0, NaN]), [4.61, -88.03, 89.13]],
  ["pow(x, 0.5) of -1", await rounded("pow(x, 0.5)", [-1]), [1]],
  ["exp(x) of NaN", await evaluate("exp(x)", [NaN]), [Infinity]],
  ["fract(x) of NaN", await evaluate("fract(x)", [NaN]), [0.9999999403953552]],
  ["sqrt(x), sin(x) of NaN", [...(await evaluate("sqrt(x)", [NaN])), ...(await evaluate("sin(x)", [NaN]))], [NaN, NaN]],
]);
JS
node seen.mjs
