#!/usr/bin/env bash
# An f16 value that stays in a register is not rounded to f16.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe, with shader-f16.
# One would guess: f32(f16(88.8)) is 88.8125 and f32(f16(70000)) is infinite; so does packing to two halves and back.
# Seen: both round trips give back 88.8 and 70000, while 300 * 300 in f16 is infinite: arithmetic rounds, conversions
#   that meet their inverse vanish.
# A tool should: test rounding to f16 and overflow only through an array<f16> in a buffer; code that rounds on purpose
#   by a round trip does nothing here.
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { evaluate, verdict } from "./wgsl.mjs";
const xs = [70000, 88.8];
const kept = [70000, Math.fround(88.8)];
verdict([
  ["f32(f16(x)) of 70000, 88.8", await evaluate("f32(f16(x))", xs), kept],
  ["unpack2x16float(pack2x16float(x))", await evaluate("unpack2x16float(pack2x16float(vec2(x, 0.0))).x", xs), kept],
  ["f32(f16(x) * f16(x)) of 300", await evaluate("f32(f16(x) * f16(x))", [300]), [Infinity]],
  ["quantizeToF16(x) of 88.8", await evaluate("quantizeToF16(x)", [88.8]), [88.8125]],
]);
JS
node seen.mjs
