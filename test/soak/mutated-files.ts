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
import { parseConfigFile } from "../../node/config-file.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import { ConfigError, readConfig } from "../../train/config/check.ts";
import { PAPER_CONFIG } from "../../train/config/config.ts";
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

/** What stands beside an image whose format tells no spacing. */
const sidecar = async (): Promise<Uint8Array<ArrayBuffer>> => text('{ "spacingMm": [0.8, 0.8, 3] }');

const nrrdHeader =
  "NRRD0005\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 8 7 3\n" +
  "space directions: (1,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n" +
  "space origin: (0,0,0)\n\n";
const metaHeader =
  "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n" +
  "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 2 3\nDimSize = 8 7 3\n" +
  "ElementType = MET_SHORT\nElementDataFile = LOCAL\n";

/** A scan of two bytes a voxel, as numpy.save writes it. */
const npyHeader = "{'descr': '<i2', 'fortran_order': False, 'shape': (3, 7, 8), }".padEnd(117);

/** As a user writes it: some fields, in most of the ways that YAML has. */
const yaml = `%YAML 1.2
---
# what is trained
version: 2
seed: 17
data: &data
  student: "folder of \\u0041"
  'teacher': other
  size: 32 # pixels
  fieldMm: 330.5
networks:
  segmentor: { kind: unet, "width": 2 }
  features: {taps: [conv1_1, 'conv2_2']}
optimization:
  epochs: 0x10
  steps: 1e2
  batch: !!int "2"
  ema: ~
augmentation: {flip: .5}
`;

/** As `--config` reads it: syntax, then every field. */
function readYaml(bytes: Uint8Array): void {
  const { value, locate } = parseConfigFile(decode(bytes), "x.yaml");
  try {
    readConfig(value, PAPER_CONFIG);
  } catch (error) {
    throw error instanceof ConfigError ? locate(error) : error;
  }
}

export async function mutatedFormats(): Promise<readonly MutatedFormat[]> {
  const series = seriesBytes(volume).map((bytes, z) => fileOfBytes(bytes, `${z}.dcm`));
  const stack = await seriesOf(series, "series");
  // A few contours: what is read costs by their number, what may go wrong does not.
  const mask = Uint8Array.from(voxels, (_, i) => Number(i % 8 > 2 && i % 8 < 6 && i > 70 && i < 140));
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
    networks: { segmentor: { width: 1 } },
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
    { name: "gzip", bytes: gzipped, read: (b) => gunzipHead(b, "x.nii.gz", 4096) },
    { name: "NIfTI in gzip", bytes: gzipped, read: image("x.nii.gz") },
    { name: "NRRD", bytes: joined(text(nrrdHeader), raw), read: image("x.nrrd") },
    { name: "MetaImage", bytes: joined(text(metaHeader), raw), read: image("x.mha") },
    {
      name: "NumPy",
      bytes: joined(Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0), text(`${npyHeader}\n`), raw),
      read: (b) => readImage({ ...fileOfBytes(b, "x.npy"), beside: sidecar }),
    },
    {
      name: "PNG",
      bytes: new Uint8Array(encodePng({ width: 8, height: 7, data: raw.slice(0, 56), channels: 1, depth: 8 })),
      read: (b) => readImage({ ...fileOfBytes(b, "x.png"), beside: sidecar }),
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
    { name: "YAML", bytes: text(yaml), read: readYaml },
    { name: "JSON", bytes: text(JSON.stringify(splits)), read: (b) => parseSplits(decode(b), "x.json", 1) },
  ];
}
