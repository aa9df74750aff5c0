#!/usr/bin/env bash
# A conversion of DICOM moves the high bit in the header and leaves the pixels where they were.
# Versions: libgdcm-tools 3.0.21; the file by dcmtk 3.6.7.
# One would guess: where HighBit is changed from 15 to 11, the 12 bits of each word are shifted down by 4.
# Seen: of words whose 12 bits stored end at bit 15 (allowed by PS3.5 8.1.1 up to 2014c, so old files have them)
#   gdcmconv --raw writes HighBit 11 and the same words: 250, which was 4000 in the word, is now 4000, and 500 is 8000,
#   with more bits than are stored. By --rle, --jpeg or --jpegls, lossless all, and back by --raw 8000 is 3904: high
#   bits are gone. Without an option HighBit stays 15; so it does by dcmconv.
# A tool should: shift such pixels itself before anything else converts them, and take words with bits above HighBit for
#   a sign of this.
source "$(dirname "$0")/setup.bash"
debian_package dcmtk 3.6.7
debian_package libgdcm-tools 3.0.21
cat >seen.mjs <<'JS'
import { attribute, pixels, run, save } from "./dcmtk.mjs";
import { report } from "./report.mjs";
const words = Array.from({ length: 16 }, (_, i) => (250 * i) << 4);
save("high.dcm", words, { bitsStored: 12, highBit: 15 });
function converted(...command) {
  run(...command, "high.dcm", "converted.dcm");
  const highBit = attribute("converted.dcm", "0028,0102");
  run("gdcmconv", "--raw", "--explicit", "converted.dcm", "raw.dcm");
  return [`HighBit ${highBit}`, `words ${pixels("raw.dcm")}`];
}
const kept = `words ${words}`;
const cut = `words ${words.map((v) => v & 0xfff)}`;
report([
  ["as made", [`HighBit ${attribute("high.dcm", "0028,0102")}`, `words ${pixels("high.dcm")}`], ["HighBit 15", kept]],
  ["dcmconv", converted("dcmconv"), ["HighBit 15", kept]],
  ["gdcmconv", converted("gdcmconv"), ["HighBit 15", kept]],
  ["gdcmconv --raw", converted("gdcmconv", "--raw"), ["HighBit 11", kept]],
  ...["--rle", "--jpeg", "--jpegls"].map((option) => [
    `gdcmconv ${option}, and back by --raw`,
    converted("gdcmconv", option),
    ["HighBit 11", cut],
  ]),
]);
JS
node seen.mjs
