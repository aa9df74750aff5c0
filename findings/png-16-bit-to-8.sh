#!/usr/bin/env bash
# The grey value 300 of a 16-bit PNG is 255 by one reader and 1 by two others.
# Versions: Pillow 9.4.0, pngjs 7.0.0, upng-js 2.1.0; the file by fast-png 8.0.0.
# One would guess: a reader that gives 8 bits divides by 257, or drops the low byte.
# Seen: of 128, 255, 300, 32767, 65535 Pillow's convert("L") makes 128, 255, 255, 255, 255: it clips, so nearly all is
#   white. pngjs rounds v/257 (0, 1, 1, 127, 255); upng-js drops the low byte (0, 0, 1, 127, 255).
# A tool should: read 16-bit masks and images as 16 bits, or refuse; labels above 255 merge without a word.
source "$(dirname "$0")/setup.bash"
debian_package python3-pil 9.4.0
npm_packages fast-png@8.0.0 pngjs@7.0.0 upng-js@2.1.0
cat >seen.mjs <<'JS'
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { decode, encode } from "fast-png";
import { PNG } from "pngjs";
import UPNG from "upng-js";
import { report } from "./report.mjs";
const values = [128, 255, 300, 32767, 65535];
const file = encode({ width: 5, height: 1, depth: 16, channels: 1, data: Uint16Array.from(values) });
writeFileSync("grey.png", file);
const red = (rgba) => [...rgba].filter((_, i) => i % 4 === 0);
const script = `import numpy, PIL.Image as I; print(*numpy.asarray(I.open("grey.png").convert("L"))[0])`;
const pillow = execFileSync("/usr/bin/python3", ["-c", script], { encoding: "utf8" }).trim().split(" ");
const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
report([
  ["fast-png", decode(file).data, values],
  ["Pillow, convert L", pillow, [128, 255, 255, 255, 255]],
  ["pngjs", red(PNG.sync.read(Buffer.from(file)).data), [0, 1, 1, 127, 255]],
  ["upng-js", red(new Uint8Array(UPNG.toRGBA8(UPNG.decode(bytes))[0])), [0, 0, 1, 127, 255]],
]);
JS
node seen.mjs
