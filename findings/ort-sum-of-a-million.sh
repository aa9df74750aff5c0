#!/usr/bin/env bash
# The sum of a million equal numbers is 1 % off.
# Versions: onnxruntime-web 1.30.0, CPU provider (WebAssembly), one thread.
# One would guess: sums are split into lanes or halves, so that ReduceSum of 2²⁰ times 0.1 is right to 1e-5; and that
#   the sum of 2²⁵ ones is 2²⁵.
# Seen: 105,891.8 where 104,857.6 is right, 0.99 % high; ReduceMean gives 0.10099 and GlobalAveragePool 0.09975 for an
#   image of 1024 × 1024 with all pixels 0.1; 2²⁵ ones sum to 2²⁴.
# A tool should: not judge its own sums or means of large images by this provider; sum by trees; compare in float64.
source "$(dirname "$0")/setup.bash"
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { f32, i64, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const n = 2 ** 20;
const tenths = new Float32Array(n).fill(0.1);
const [sum] = await run("ReduceSum", [f32(tenths, [1, n]), i64([1])]);
const [mean] = await run("ReduceMean", [f32(tenths, [1, n]), i64([1])]);
const [pool] = await run("GlobalAveragePool", [f32(tenths, [1, 1, 1024, 1024])]);
const [ones] = await run("ReduceSum", [f32(new Float32Array(2 ** 25).fill(1), [1, 2 ** 25]), i64([1])]);
report([
  ["ReduceSum of 2^20 times 0.1", sum.toFixed(1), "105891.8"],
  ["ReduceMean of them", mean.toFixed(5), "0.10099"],
  ["GlobalAveragePool of them", pool.toFixed(5), "0.09975"],
  ["ReduceSum of 2^25 ones", ones, 2 ** 24],
]);
JS
node seen.mjs
