#!/usr/bin/env bash
# A contour of more than 64 KiB is written with an unknown VR, so that readers by VR get bytes and no numbers.
# Versions: dcmjs 0.51.1.
# One would guess: ContourData is DS in every file, or a value that DS can't hold in explicit VR (65,534 bytes) is refused.
# Seen: 65,000 characters are DS; 99,000 are UN, which PS3.5 6.2.2 allows; pydicom gives bytes for it, and plastimatch
#   1.9.4 leaves the structure out. In implicit VR both are decimal strings.
# A tool should: write RTSTRUCT in implicit VR, and read ContourData as decimal text whatever its VR is.
source "$(dirname "$0")/setup.bash"
npm_packages dcmjs@0.51.1 dicom-parser@1.8.21
cat >seen.mjs <<'JS'
import dcmjs from "dcmjs";
import dicomParser from "dicom-parser";
import { report } from "./report.mjs";
const { DicomDict, DicomMetaDictionary } = dcmjs.data;
function written(numbers) {
  const meta = { TransferSyntaxUID: "1.2.840.10008.1.2.1", MediaStorageSOPClassUID: "1.2", MediaStorageSOPInstanceUID: "1.3" };
  const file = new DicomDict(DicomMetaDictionary.denaturalizeDataset(meta));
  file.dict = DicomMetaDictionary.denaturalizeDataset({ ContourData: Array.from({ length: numbers }, () => "123.456789") });
  return dicomParser.parseDicom(new Uint8Array(file.write())).elements.x30060050;
}
report([
  ["VR of 5,900 numbers (64,900 bytes)", written(5900).vr, "DS"],
  ["VR of 9,000 numbers (99,000 bytes)", written(9000).vr, "UN"],
]);
JS
node seen.mjs
