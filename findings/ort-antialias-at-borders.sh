#!/usr/bin/env bash
# Antialiased resizing of an ONNX model differs from Pillow's at the borders.
# Versions: onnxruntime-web 1.30.0 (opset 19), Pillow 9.4.0.
# One would guess: Resize with mode linear and antialias 1 is the stretched triangle of Pillow's BILINEAR, borders
#   included.
# Seen: halving 1 … 8, the inside agrees (3.5, 5.5); the ends are 1.625 and 7.375 by ONNX and 1.714 and 7.286 by
#   Pillow: ONNX Runtime repeats the border pixel under the filter, Pillow leaves it out and weighs the rest.
#   exclude_outside 1 brings it to Pillow's.
# A tool should: export with exclude_outside 1 where the training resized with Pillow; compare whole images, not
#   centres.
source "$(dirname "$0")/setup.bash"
debian_package python3-pil 9.4.0
npm_packages onnxruntime-web@1.30.0
cat >seen.mjs <<'JS'
import { execFileSync } from "node:child_process";
import { f32, run } from "./onnx.mjs";
import { report } from "./report.mjs";
const script = `import numpy, PIL.Image as I
print(*numpy.asarray(I.fromarray(numpy.arange(1, 9, dtype=numpy.float32)[None]).resize((4, 1), I.BILINEAR))[0])`;
const pillow = execFileSync("/usr/bin/python3", ["-c", script], { encoding: "utf8" }).trim().split(" ").map(Number);
const x = f32([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 8]);
const resize = (more) =>
  run("Resize", [x, null, f32([1, 1, 1, 0.5])], { mode: "linear", antialias: 1, ...more }, { opset: 19 });
const round = (values) => values.map((v) => v.toFixed(3));
report([
  ["Pillow", round(pillow), ["1.714", "3.500", "5.500", "7.286"]],
  ["ONNX Runtime", round(await resize({})), ["1.625", "3.500", "5.500", "7.375"]],
  ["exclude_outside 1", round(await resize({ exclude_outside: 1 })), ["1.714", "3.500", "5.500", "7.286"]],
]);
JS
node seen.mjs
