#!/usr/bin/env bash
# Lossless JPEG with the mean of two neighbours as predictor is decoded to nonsense where values have a sign.
# Versions: jpeg-lossless-decoder-js 2.1.2; the streams by dcmtk 3.6.7; beside it libgdcm-tools 3.0.21.
# One would guess: a lossless decoder is right with all seven predictors or refuses those that it does not know.
# Seen: small values about 0, as words of two's complement, are right with selection values 1 to 6. With 7, (Ra+Rb)/2, a
#   -1 comes out as 0, and what is predicted from it is some 32768 off; dcmdjpeg and gdcmconv have all 16. With 100
#   added all 16 are right. The half of an odd sum is kept, where T.81 has whole numbers.
# A tool should: look at the stream's selection value, and decode 7 by another decoder; test lossless JPEG with each
#   predictor and with values on both sides of 0.
source "$(dirname "$0")/setup.bash"
debian_package dcmtk 3.6.7
debian_package libgdcm-tools 3.0.21
npm_packages jpeg-lossless-decoder-js@2.1.2
cat >seen.mjs <<'JS'
import { Decoder } from "jpeg-lossless-decoder-js";
import { jpeg, pixels, run, save } from "./dcmtk.mjs";
import { report } from "./report.mjs";
const values = [-11, -4, -6, 6, 9, 3, 11, 10, 0, 4, -1, 8, 8, -1, 4, 0];
function decoded(selection, values) {
  save("plain.dcm", values, { signed: true });
  run("dcmcjpeg", "+el", "+sv", String(selection), "plain.dcm", "jpeg.dcm");
  run("dcmdjpeg", "jpeg.dcm", "dcmdjpeg.dcm");
  run("gdcmconv", "--raw", "--explicit", "jpeg.dcm", "gdcmconv.dcm");
  const stream = Uint8Array.from(jpeg("jpeg.dcm"));
  return {
    js: [...new Int16Array(new Decoder().decompress(stream.buffer, 0, stream.length))],
    dcmdjpeg: pixels("dcmdjpeg.dcm", true),
    gdcmconv: pixels("gdcmconv.dcm", true),
  };
}
const rows = [1, 2, 3, 4, 5, 6].map((selection) => [`selection ${selection}`, decoded(selection, values).js, values]);
const { js, dcmdjpeg, gdcmconv } = decoded(7, values);
rows.push(["selection 7", js, [-11, -4, -6, 6, 9, 3, 11, 10, 0, 4, 0, -32759, 8, -1, -32764, -32768]]);
rows.push(["selection 7 by dcmdjpeg", dcmdjpeg, values], ["selection 7 by gdcmconv", gdcmconv, values]);
const more = values.map((v) => v + 100);
rows.push(["selection 7, 100 added", decoded(7, more).js, more]);
report(rows);
JS
node seen.mjs
