#!/usr/bin/env bash
# A contour of more than 64 KiB is written with an unknown VR, so that readers by VR get bytes and no numbers.
# Versions: dcmjs 0.51.1, read by dicom-parser 1.8.21.
# One would guess: ContourData is DS in every file, or a value that DS can't hold in explicit VR (65,534 bytes) is refused.
# Seen: in explicit VR 64,900 bytes are DS, 99,000 are UN, which PS3.5 6.2.2 allows; the text is the same. In implicit
#   VR the text is as long, and no VR is written that could be another.
# A tool should: write RTSTRUCT in implicit VR, and read ContourData as decimal text whatever its VR is.
source "$(dirname "$0")/setup.bash"
npm_packages dcmjs@0.51.1 dicom-parser@1.8.21
cat >seen.mjs <<'JS'
import dcmjs from "dcmjs";
import dicomParser from "dicom-parser";
import { report } from "./report.mjs";
const { DicomDict, DicomMetaDictionary } = dcmjs.data;
const text = (numbers) => Array.from({ length: numbers }, () => "123.456789").join("\\");
function written(numbers, syntax) {
  const meta = { TransferSyntaxUID: syntax, MediaStorageSOPClassUID: "1.2", MediaStorageSOPInstanceUID: "1.3" };
  const file = new DicomDict(DicomMetaDictionary.denaturalizeDataset(meta));
  file.dict = DicomMetaDictionary.denaturalizeDataset({ ContourData: text(numbers).split("\\") });
  const set = dicomParser.parseDicom(new Uint8Array(file.write({ TransferSyntaxUID: syntax })));
  const { vr, dataOffset, length } = set.elements.x30060050;
  const value = Buffer.from(set.byteArray.subarray(dataOffset, dataOffset + length)).toString("latin1").trimEnd();
  return { vr: vr ?? "none", isText: value === text(numbers) };
}
const [implicit, explicit] = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"];
const [short, long] = [written(5900, explicit), written(9000, explicit)];
report([
  ["explicit: VR of 5,900 numbers (64,900 bytes)", short.vr, "DS"],
  ["explicit: VR of 9,000 numbers (99,000 bytes)", long.vr, "UN"],
  ["explicit: both are the numbers' text", short.isText && long.isText, true],
  ["implicit: VR of 9,000 numbers", written(9000, implicit).vr, "none"],
  ["implicit: they are the numbers' text", written(9000, implicit).isText, true],
]);
JS
node seen.mjs
