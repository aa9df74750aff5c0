#!/usr/bin/env bash
# The maximum of a row is NaN if NaN comes first, and a number if it comes later.
# Versions: onnxruntime-web 1.30.0, CPU provider (WebAssembly).
# One would guess: ReduceMax treats NaN one way, wherever it stands, and like the ops Max and Relu, which keep it.
# Seen: ReduceMax of (NaN, 2, 1) is NaN, of (1, NaN, 3) it is 3; ReduceMin likewise. MaxPool and GlobalMaxPool drop
#   NaN in any place; Max and Relu keep it.
# A tool should: not compare its own NaN rules with this provider's reductions, and look for NaN by IsNaN before a
#   maximum.
source "$(dirname "$0")/setup.bash"
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { f32, i64, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const row = (op, values) => run(op, [f32(values, [1, 3]), i64([1])]);
report([
  ["ReduceMax of NaN, 2, 1", await row("ReduceMax", [NaN, 2, 1]), [NaN]],
  ["ReduceMax of 1, NaN, 3", await row("ReduceMax", [1, NaN, 3]), [3]],
  ["ReduceMin of NaN, 2, 1", await row("ReduceMin", [NaN, 2, 1]), [NaN]],
  ["ReduceMin of 1, NaN, 3", await row("ReduceMin", [1, NaN, 3]), [1]],
  ["GlobalMaxPool of NaN, 2, 1", await run("GlobalMaxPool", [f32([NaN, 2, 1], [1, 1, 3])]), [2]],
  ["Max of NaN and 1", await run("Max", [f32([NaN]), f32([1])]), [NaN]],
  ["Relu of NaN", await run("Relu", [f32([NaN])]), [NaN]],
]);
JS
node seen.mjs
