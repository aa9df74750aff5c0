#!/usr/bin/env bash
# A number of more than 16 characters is written without its end, exponent and all.
# Versions: dcmjs 0.51.1.
# One would guess: a decimal string (at most 16 characters) is the number rounded to what fits.
# Seen: the text is cut: a direction cosine of 1.2246467991473532e-16 is read back as 1.22464679914735, not as the 0
#   it stands for; 1234567890123456789 comes back a thousandth of itself. A warning goes to the console; the file is
#   written.
# A tool should: round direction cosines and positions to 16 characters before it hands them over (the cosine of a
#   right angle in floating point is such a number), and refuse cosines beyond 1.
source "$(dirname "$0")/setup.bash"
npm_packages dcmjs@0.51.1
cat >seen.mjs <<'JS'
import dcmjs from "dcmjs";
import { report } from "./report.mjs";
const { DicomDict, DicomMessage, DicomMetaDictionary } = dcmjs.data;
const cosine = 1.2246467991473532e-16;
const file = new DicomDict({ TransferSyntaxUID: { vr: "UI", Value: ["1.2.840.10008.1.2.1"] } });
file.dict = DicomMetaDictionary.denaturalizeDataset({
  ImageOrientationPatient: [cosine, 1, 0, 0, 0, -1],
  RescaleSlope: 1234567890123456789,
});
const read = DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(file.write()).dict);
report([
  [`the cosine ${cosine} read`, read.ImageOrientationPatient[0], 1.22464679914735],
  ["1234567890123456789 read", read.RescaleSlope, 1234567890123456],
]);
JS
node seen.mjs
