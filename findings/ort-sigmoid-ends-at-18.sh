#!/usr/bin/env bash
# The sigmoid of -18 is 0, and that of -17 is a third too small.
# Versions: onnxruntime-web 1.30.0, CPU provider (WebAssembly).
# One would guess: Sigmoid has six right digits wherever single precision has a number, down to about -87, as Softmax of
#   two classes has them.
# Seen: 2.98e-8 for -17 where 4.14e-8 is right, and 0 from -18 on; Softmax of (-18, 0) is 1.52e-8 and of (-50, 0)
#   1.93e-22, and Softplus of -50 is 1.93e-22. The logarithm of Sigmoid is minus infinity at -18.
# A tool should: export logits, or one class as two by Softmax, where a loss, an entropy or an average of logarithms is
#   taken of the result; a threshold at 0.5 does not notice.
source "$(dirname "$0")/setup.bash"
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { f32, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const short = (values) => values.map((v) => v.toExponential(2));
const softmax = async (x) => short(await run("Softmax", [f32([x, 0], [1, 2])], { axis: 1 }))[0];
const sigmoid = short(await run("Sigmoid", [f32([-5, -17, -18, -50])]));
report([
  ["Sigmoid of -5, -17, -18, -50", sigmoid, ["6.69e-3", "2.98e-8", "0.00e+0", "0.00e+0"]],
  ["Softmax of -17 beside 0", await softmax(-17), "4.14e-8"],
  ["Softmax of -18 beside 0", await softmax(-18), "1.52e-8"],
  ["Softmax of -50 beside 0", await softmax(-50), "1.93e-22"],
  ["Softplus of -50", short(await run("Softplus", [f32([-50])])), ["1.93e-22"]],
]);
JS
node seen.mjs
