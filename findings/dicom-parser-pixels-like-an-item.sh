#!/usr/bin/env bash
# Pixels that begin with −2 and −8192 are taken for a sequence, in a file of implicit VR.
# Versions: dicom-parser 1.8.21.
# One would guess: PixelData (7fe0,0010) is OW whatever its values are, as the dictionary says.
# Seen: without a VR in the file, an attribute whose value begins with the bytes FE FF 00 E0 becomes a sequence of items:
#   the pixels −2, −8192, 8, 0, … are an item of 8 bytes; with other numbers behind, the whole file is refused.
# A tool should: hand over a vrCallback that says "OW" for PixelData (and for whatever else holds numbers).
source "$(dirname "$0")/setup.bash"
npm_packages dicom-parser@1.8.21
cat >seen.mjs <<'JS'
import dicomParser from "dicom-parser";
import { report } from "./report.mjs";
const file = (...pixels) => {
  const bytes = new Uint8Array(8 + 2 * pixels.length);
  bytes.set([0xe0, 0x7f, 0x10, 0, 2 * pixels.length]);
  new Int16Array(bytes.buffer, 8).set(pixels);
  return bytes;
};
const pixelData = (bytes, more) => {
  try {
    const { items } = dicomParser.parseDicom(bytes, { TransferSyntaxUID: "1.2.840.10008.1.2", ...more }).elements.x7fe00010;
    return items ? `a sequence of ${items.length}` : "plain";
  } catch {
    return "refused";
  }
};
report([
  ["pixels 1, 2, 8, 0, 1, 2, 3, 4 are", pixelData(file(1, 2, 8, 0, 1, 2, 3, 4)), "plain"],
  ["pixels -2, -8192, 8, 0, 1, 2, 3, 4 are", pixelData(file(-2, -8192, 8, 0, 1, 2, 3, 4)), "a sequence of 1"],
  ["pixels -2, -8192, 1, 2 are", pixelData(file(-2, -8192, 1, 2)), "refused"],
  ["with a vrCallback they are", pixelData(file(-2, -8192, 1, 2), { vrCallback: () => "OW" }), "plain"],
]);
JS
node seen.mjs
