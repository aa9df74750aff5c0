#!/usr/bin/env bash
# An index past the end of a storage buffer reads the last element.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: 0, as WebGPU's robustness is often told, and as lavapipe gives it.
# Seen: with 1, 2, 42 in the buffer, element 3 and element 3,000,000 are 42.
# A tool should: surround test data with NaN and look for it in results: with an edge pixel repeated, as many paddings
#   do on purpose, an index bug looks like the right answer here and like zero padding elsewhere.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
verdict([
  ["data[id + 3]", await evaluate("data[id.x + 3u]", [1, 2, 42]), [42, 42, 42]],
  ["data[id + 3000000]", await evaluate("data[id.x + 3000000u]", [1, 2, 42]), [42, 42, 42]],
]);
JS
node seen.mjs
