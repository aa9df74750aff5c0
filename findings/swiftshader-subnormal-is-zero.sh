#!/usr/bin/env bash
# A number that equals 0 keeps its value through some operations and loses it in others.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: subnormals are flushed everywhere, or nowhere; at any rate -x only turns the sign.
# Seen: 1e-40 == 0.0 is true and -x is 0, x * x of 1e-20 is 0; but abs(x) and x + 0.0 give 1e-40 back, and max(x, 0.0)
#   is 0.
# A tool should: not use equality with 0 to tell what is stored from what is not (masks, sparse updates), and keep
#   epsilons above 1.2e-38.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const kept = Math.fround(1e-40);
verdict([
  ["x == 0.0", await evaluate("f32(x == 0.0)", [1e-40]), [1]],
  ["-x", await evaluate("-x", [1e-40]), [0]],
  ["max(x, 0.0)", await evaluate("max(x, 0.0)", [1e-40]), [0]],
  ["abs(x)", await evaluate("abs(x)", [1e-40]), [kept]],
  ["x + 0.0", await evaluate("x + 0.0", [1e-40]), [kept]],
]);
JS
node seen.mjs
