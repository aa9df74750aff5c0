// DICOM that is cut, lies or was changed: an error with the attribute, before memory is made.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { fileOfBytes, readImage, readImageHeader } from "../../data/formats/index.ts";
import { refused as refusedAs } from "../helpers/refused.ts";
import { IMPLICIT, type SliceOptions, dicomBytes, frame, multiFrame, sliceBytes, sliceFile } from "./dicom-writer.ts";

const test = suite("dicom: hostile");
const slice = (options: SliceOptions = {}) => readImage(sliceFile(options));
const refused = (run: Promise<unknown>, message: RegExp): Promise<void> => refusedAs(run, message, DataError);

test("a header is read from the beginning of a file, and gives what the whole file gives", async () => {
  const bytes = sliceBytes({ z: 3 });
  const cut = fileOfBytes(bytes.subarray(0, bytes.length - 12), "x.dcm");
  const whole = await readImage(fileOfBytes(bytes, "x.dcm"));
  assert.equal((await readImageHeader(cut)).affine, whole.affine);
  await refused(readImage(cut), /x\.dcm: (data set|PixelData)/);
});

test("attributes that can't be true are refused by name, before memory is made", async () => {
  const wrong = (options: SliceOptions, message: RegExp): Promise<void> => refused(slice(options), message);
  await wrong({ more: [[0x00280010, "US", 0]] }, /Rows \(0028,0010\): 0: no image/);
  await wrong(
    {
      more: [
        [0x00280010, "US", 65535],
        [0x00280011, "US", 65535],
      ],
    },
    /need 8589672450 bytes, the file has 12/,
  );
  await wrong({ more: [[0x00280008, "IS", "2147483647"]] }, /2147483647 frames of 16 bits need/);
  await wrong({ more: [[0x00280100, "US", 33]] }, /BitsAllocated \(0028,0100\): 33 is not 1, 8, 16 or 32/);
  await wrong({ slope: "nan" }, /RescaleSlope \(0028,1053\): nan is no number/);
  await wrong({ slope: "0" }, /RescaleSlope \(0028,1053\): 0 makes all values equal/);
  await wrong(
    {
      more: [
        [0x00280002, "US", 3],
        [0x00280004, "CS", "RGB"],
      ],
    },
    /RGB, 3 values a pixel, where one grey/,
  );
  await wrong({ syntax: "1.2.3.4" }, /TransferSyntaxUID \(0002,0010\): 1\.2\.3\.4 is not read here/);
  await wrong({ spacing: "0\\1" }, /PixelSpacing \(0028,0030\): 0, 1 is no voxel size/);
  await wrong({ orientation: "1\\0\\0\\1\\0\\0" }, /ImageOrientationPatient .*no two directions at a right angle/);
  await wrong({ position: "1\\2" }, /ImagePositionPatient \(0020,0032\): 1\\2 is not 3 numbers/);
  const twice = dicomBytes([
    [0x00080060, "CS", "CT"],
    [0x00280010, "US", 2],
    [0x00280010, "US", 3],
    [0x00280011, "US", 3],
  ]);
  await refused(readImage(fileOfBytes(twice, "x.dcm")), /x\.dcm: data set: \(0028,0010\) is there twice/);
});

test("2,000 seeded changes of a small file end in a volume or a DataError", async () => {
  let state = 5;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const originals = [
    sliceBytes(),
    sliceBytes({ syntax: IMPLICIT }),
    sliceBytes(multiFrame([frame(0, "1"), frame(2, "1")])),
  ];
  let refusals = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = new Uint8Array(originals[i % 3]!);
    for (let k = next(3); k >= 0; k--) bytes[132 + next(bytes.length - 132)] = next(256);
    const cut = next(10) === 0 ? bytes.slice(0, next(bytes.length)) : bytes;
    try {
      await readImage(fileOfBytes(cut, "x.dcm"));
    } catch (error) {
      assert.instance(error, DataError, `change ${i}: ${String(error)}`);
      refusals++;
    }
  }
  assert.ok(refusals > 500, `${refusals}`);
});

test.run();
