#!/usr/bin/env bash
# fma(a, b, c) rounds the product first, on a processor that has fused multiply-adds.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: lavapipe compiles for the processor at hand by LLVM, so fma is that processor's, with one rounding;
#   then fma(a, a, -(a * a)) is the rounding error of a * a, as double-float arithmetic has it.
# Seen: fma(a, a, c) is a * a + c of two roundings: the error term is 0 where it is 2^-24. WGSL allows it.
# A tool should: split factors (Dekker, Veltkamp) where it needs a product's rounding error, and compare with a
#   reference by a tolerance, for other drivers fuse.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const a = 1 + 2 ** -12; // a * a = 1 + 2^-11 + 2^-24, of which f32 holds 1 + 2^-11
const of = async (expression, ...xs) => (await evaluate(expression, xs)).slice(0, 1);
verdict([
  ["a * a", await of("x * x", a), [1 + 2 ** -11]],
  ["fma(a, a, -(1 + 2^-11)), fused 2^-24", await of("fma(x, x, data[1])", a, -(1 + 2 ** -11)), [0]],
  ["fma(a, a, -1), fused 2^-11 + 2^-24", await of("fma(x, x, data[1])", a, -1), [2 ** -11]],
]);
JS
node seen.mjs
