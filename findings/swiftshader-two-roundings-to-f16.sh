#!/usr/bin/env bash
# quantizeToF16 and pack2x16float round differently, and a large finite number packs to NaN.
# Versions: npm webgpu 0.6.2 (Dawn) on SwiftShader 5.0.0, of Debian's chromium 156.
# One would guess: both round to the nearest half: 88.8 to 88.8125, 2051 to 2052 (a tie, to even); 70000 becomes
#   infinite.
# Seen: quantizeToF16 gives 88.75 and 2050, it cuts bits off, yet makes 65519 infinite (nearest: 65504). pack2x16float
#   rounds 88.8 to 88.8125, and packs 70000 to the bits of a NaN; 65536 still gives infinity.
# A tool should: not take one built-in for the other, and clamp to 65504 before packing: NaN from a finite number
#   looks like a broken computation upstream.
source "$(dirname "$0")/setup.bash"
driver swiftshader
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const pack = "unpack2x16float(pack2x16float(vec2(x, 0.0))).x";
const quantized = await evaluate("quantizeToF16(x)", [88.8, 2051, 65519]);
verdict([
  ["quantizeToF16(x) of 88.8, 2051, 65519", quantized, [88.75, 2050, Infinity]],
  ["pack and unpack of 88.8, 65536, 70000", await evaluate(pack, [88.8, 65536, 70000]), [88.8125, Infinity, NaN]],
]);
JS
node seen.mjs
