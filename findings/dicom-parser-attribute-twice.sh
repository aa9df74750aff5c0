#!/usr/bin/env bash
# Of an attribute that stands twice in a file, the last is read, without a warning.
# Versions: dicom-parser 1.8.21.
# One would guess: a second Rows is refused or warned of; a data set has each attribute once, in rising order (PS3.5 7.1).
# Seen: Rows 4 followed by Rows 2 reads as 2, with no warning; the first is gone.
# A tool should: compare where each element ends with where the next one begins: bytes that belong to none are those of
#   an attribute that was replaced.
source "$(dirname "$0")/setup.bash"
npm_packages dicom-parser@1.8.21
cat >seen.mjs <<'JS'
import dicomParser from "dicom-parser";
import { report } from "./report.mjs";
const rows = (n) => [0x28, 0, 0x10, 0, 2, 0, 0, 0, n, 0];
const set = dicomParser.parseDicom(Uint8Array.from([...rows(4), ...rows(2)]), { TransferSyntaxUID: "1.2.840.10008.1.2" });
report([
  ["Rows 4, then Rows 2, read as", set.uint16("x00280010"), 2],
  ["warnings", set.warnings.filter((w) => !w.startsWith("eof")).length, 0],
  ["the only element's value begins at byte", set.elements.x00280010.dataOffset, 18],
]);
JS
node seen.mjs
