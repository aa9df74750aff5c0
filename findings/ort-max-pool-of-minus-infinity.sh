#!/usr/bin/env bash
# The largest of four minus infinities is finite.
# Versions: onnxruntime-web 1.30.0, CPU provider (WebAssembly).
# One would guess: MaxPool over a window of −∞ is −∞, as ReduceMax has it.
# Seen: MaxPool gives −3.4028e38, the smallest finite f32; ReduceMax gives −∞.
# A tool should: not mark excluded pixels by −∞ and look for −∞ behind a pool, and not take the difference for its own
#   fault.
source "$(dirname "$0")/setup.bash"
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { f32, i64, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const low = new Array(4).fill(-Infinity);
const pool = await run("MaxPool", [f32(low, [1, 1, 2, 2])], { kernel_shape: [2, 2] });
report([
  ["MaxPool", pool.map((v) => v.toExponential(4)), ["-3.4028e+38"]],
  ["ReduceMax", await run("ReduceMax", [f32(low, [1, 4]), i64([1])]), [-Infinity]],
]);
JS
node seen.mjs
