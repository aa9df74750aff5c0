// Whole files of each format that is read, and their readers.
import { encode as encodePng } from "fast-png";
import { gunzipHead } from "../../data/gunzip.ts";
import { fileOfBytes, openStructures, readImage } from "../../data/formats/index.ts";
import { maskObjects, segmentsOf, seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { parseSplits } from "../../data/split.ts";
import { makeVolume } from "../../data/volume.ts";
import { readPth } from "../../data/weights/pth.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import { readSafetensors, writeSafetensors } from "../../data/weights/safetensors.ts";
import { parseConfigFile, writeConfig } from "../../node/config-file.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { readModelZip, writeModelZip } from "../../train/model-zip.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { toStateDict } from "../../models/pytorch.ts";
import { seriesBytes } from "../data/dicom-writer.ts";

export interface MutatedFormat {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Reads all that the product reads of such a file. */
  read(bytes: Uint8Array<ArrayBuffer>): unknown;
}

const volume = makeVolume(
  "v",
  Int16Array.from({ length: 8 * 7 * 3 }, (_, i) => (i * 37) % 200),
  [8, 7, 3],
  [1, 2, 3],
);
const voxels = volume.data as Int16Array<ArrayBuffer>;
const text = (lines: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(lines) as Uint8Array<ArrayBuffer>;
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const joined = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat(parts));
const raw = new Uint8Array(voxels.buffer);
const image =
  (file: string) =>
  (bytes: Uint8Array<ArrayBuffer>): unknown =>
    readImage(fileOfBytes(bytes, file));

const nrrdHeader =
  "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 8 7 3\n" +
  "space directions: (1,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n" +
  "space origin: (0,0,0)\n\n";
const metaHeader =
  "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n" +
  "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 2 3\nDimSize = 8 7 3\n" +
  "ElementType = MET_SHORT\nElementDataFile = LOCAL\n";

export async function mutatedFormats(): Promise<readonly MutatedFormat[]> {
  const series = seriesBytes(volume).map((bytes, z) => fileOfBytes(bytes, `${z}.dcm`));
  const stack = await seriesOf(series, "series");
  const mask = Uint8Array.from(voxels, (v) => Number(v > 120));
  const maker = { version: "0", description: "soak", date: new Date(0) };
  const segments = segmentsOf([{ name: "tumour", value: 1 }]);
  const objects = await Promise.all(maskObjects.map((kind) => writeMaskObject(kind, mask, stack, segments, maker)));
  const structures = async (bytes: Uint8Array<ArrayBuffer>): Promise<unknown> => {
    const set = await openStructures(fileOfBytes(bytes, "m.dcm"));
    return set?.draw(set.names, { shape: volume.shape, affine: volume.affine, oriented: true });
  };
  const tensor = { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) };
  const config = presetConfig("ct-only", {
    data: { student: "a", size: 32, fieldMm: 330 },
    networks: { segmentor: { width: 2 } },
  });
  const tensors = new Map(
    Object.entries(makeRegime(config).networks).flatMap(([name, network]) =>
      [...toStateDict(network, (v) => v.initialData())].map(([key, t]) => [`${name}.${key}`, t] as const),
    ),
  );
  const zip = writeModelZip({
    name: "soak",
    version: "0",
    config,
    statistics: undefined,
    checkpoint: { tensors, progress: startOfRun() },
  } as unknown as Parameters<typeof writeModelZip>[0]);
  const gzipped = writeNifti(voxels, volume, { gzip: true });
  const splits = [
    { train: ["a", "b"], val: ["c"] },
    { train: ["a", "c"], val: ["b"] },
  ];
  return [
    { name: "NIfTI", bytes: writeNifti(voxels, volume, { gzip: false }), read: image("x.nii") },
    { name: "gzip", bytes: gzipped, read: (b) => gunzipHead(b, "x.nii.gz", 1 << 20) },
    { name: "NIfTI in gzip", bytes: gzipped, read: image("x.nii.gz") },
    { name: "NRRD", bytes: joined(text(nrrdHeader), raw), read: image("x.nrrd") },
    { name: "MetaImage", bytes: joined(text(metaHeader), raw), read: image("x.mha") },
    {
      name: "PNG",
      bytes: new Uint8Array(encodePng({ width: 8, height: 7, data: raw.slice(0, 56), channels: 1, depth: 8 })),
      read: (b) =>
        readImage({ ...fileOfBytes(b, "x.png"), beside: async () => text('{ "spacingMm": [0.8, 0.8, 3] }') }),
    },
    { name: "DICOM", bytes: await series[0]!.bytes(), read: image("x.dcm") },
    { name: "RTSTRUCT", bytes: objects[0]!, read: structures },
    { name: "SEG", bytes: objects[1]!, read: structures },
    {
      name: "safetensors",
      bytes: writeSafetensors([["a.weight", tensor]], [["format", "pt"]]),
      read: (b) => readSafetensors(b, "x.safetensors"),
    },
    { name: "pth", bytes: writePth([["a.weight", tensor]]), read: (b) => readPth(b, "x.pth") },
    { name: "zip", bytes: zip, read: (b) => readModelZip(b, "x.zip") },
    { name: "YAML", bytes: text(writeConfig(config)), read: (b) => parseConfigFile(decode(b), "x.yaml") },
    { name: "JSON", bytes: text(JSON.stringify(splits)), read: (b) => parseSplits(decode(b), "x.json", 1) },
  ];
}
