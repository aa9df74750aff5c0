#!/usr/bin/env bash
# GroupNormalization of values around 5,000 is hundreds of times too large, where LayerNormalization is right.
# Versions: onnxruntime-web 1.30.0, CPU provider (WebAssembly), opset 21.
# One would guess: all norms take the variance about the mean, as InstanceNormalization and LayerNormalization do.
# Seen: (5000, 5001, 5002, 5003) has normal values ±1.34 and ±0.45; GroupNormalization with one group gives ±474 and
#   ±158, at 4096 ±1.06, at 3000 ±1.50. LayerNormalization of 10,000 … 10,003 is right to 4 digits.
# A tool should: take means off before squaring, and export a group norm as InstanceNormalization of a reshaped tensor
#   where inputs are far from 0 (CT with an offset, raw MR).
source "$(dirname "$0")/setup.bash"
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { f32, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const steps = (start) => [0, 1, 2, 3].map((v) => start + v);
const round = (values) => values.map((v) => v.toFixed(2));
const epsilon = { float: 1e-5 };
const group = (start) => {
  const inputs = [f32(steps(start), [1, 1, 4]), f32([1]), f32([0])];
  return run("GroupNormalization", inputs, { num_groups: 1, epsilon }, { opset: 21 });
};
report([
  ["group norm at 1000", round(await group(1000)), ["-1.34", "-0.45", "0.45", "1.34"]],
  ["group norm at 3000", round(await group(3000)), ["-1.50", "-0.50", "0.50", "1.50"]],
  ["group norm at 4096", round(await group(4096)), ["-1.06", "-0.35", "0.35", "1.06"]],
  ["group norm at 5000", round(await group(5000)), ["-474.34", "-158.11", "158.11", "474.34"]],
  [
    "layer norm at 10000",
    round(await run("LayerNormalization", [f32(steps(10000), [1, 4]), f32([1, 1, 1, 1])], { epsilon })),
    ["-1.34", "-0.45", "0.45", "1.34"],
  ],
]);
JS
node seen.mjs
