#!/usr/bin/env bash
# Lossless JPEG with a point transform is decoded to a quarter of its values, or to a quarter and 24576.
# Versions: imagecodecs 2026.3.6 (PyPI), jpeg-lossless-decoder-js 2.1.2; the stream by dcmtk 3.6.7; beside them
#   libgdcm-tools 3.0.21.
# One would guess: a decoder multiplies by 2 to the point transform (T.81 A.4), or refuses it, and so do all functions
#   of one package.
# Seen: a point transform of 2 drops two bits: 1000, 2251 and 3502 are 1000, 2248 and 3500 by dcmdjpeg, gdcmconv and
#   imagecodecs' jpeg8_decode. jpegsof3_decode gives 250, 562 and 875, ljpeg_decode and jpeg-lossless-decoder-js give
#   24826, 25138 and 25451: they start at 2^15, where the stream starts at 2^13. Nothing is thrown.
# A tool should: read the low half of the last byte of the scan's header, and scale or refuse where it is not 0.
source "$(dirname "$0")/setup.bash"
debian_package dcmtk 3.6.7
debian_package libgdcm-tools 3.0.21
npm_packages jpeg-lossless-decoder-js@2.1.2
pypi_packages imagecodecs==2026.3.6 numpy==2.4.6
cat >decode.py <<'PY'
import imagecodecs
import sys

with open("stream.jpg", "rb") as f:
    print(*getattr(imagecodecs, sys.argv[1])(f.read()).ravel(), sep=",")
PY
cat >seen.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { Decoder } from "jpeg-lossless-decoder-js";
import { jpeg, pixels, run, save } from "./dcmtk.mjs";
import { report } from "./report.mjs";
const values = Array.from({ length: 16 }, (_, i) => 250 * i + (i % 4));
const rows = [];
for (const bits of [0, 2]) {
  save("plain.dcm", values);
  run("dcmcjpeg", "+el", "+sv", "1", "+pt", String(bits), "plain.dcm", "jpeg.dcm");
  run("dcmdjpeg", "jpeg.dcm", "dcmdjpeg.dcm");
  run("gdcmconv", "--raw", "--explicit", "jpeg.dcm", "gdcmconv.dcm");
  const stream = Uint8Array.from(jpeg("jpeg.dcm"));
  writeFileSync("stream.jpg", stream);
  const low = values.map((v) => v >> bits);
  const right = low.map((v) => v << bits);
  const started = low.map((v) => v + 2 ** 15 - 2 ** (15 - bits));
  const python = (name) => run("/usr/bin/python3", "decode.py", name).trim();
  const js = new Uint16Array(new Decoder().decompress(stream.buffer, 0, stream.length));
  rows.push(
    [`${bits} bits, dcmdjpeg`, pixels("dcmdjpeg.dcm"), right],
    [`${bits} bits, gdcmconv`, pixels("gdcmconv.dcm"), right],
    [`${bits} bits, jpeg8_decode`, python("jpeg8_decode"), right],
    [`${bits} bits, jpegsof3_decode`, python("jpegsof3_decode"), low],
    [`${bits} bits, ljpeg_decode`, python("ljpeg_decode"), started],
    [`${bits} bits, jpeg-lossless-decoder-js`, js, started],
  );
}
report(rows);
JS
node seen.mjs
