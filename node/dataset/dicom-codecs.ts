/// <reference path="./cornerstone.d.ts" />
// Decoders of compressed DICOM for Node: WebAssembly that each package finds beside itself.
import { provideCodecs } from "../../data/formats/dicom/codecs.ts";

// They talk on stdout else.
const quiet = { print: (): void => {}, printErr: (): void => {} };

const decoders = {
  "JPEG 2000": async () =>
    (await (await import("@cornerstonejs/codec-openjpeg/decodewasmjs")).default(quiet)).J2KDecoder,
  "JPEG-LS": async () =>
    (await (await import("@cornerstonejs/codec-charls/decodewasmjs")).default(quiet)).JpegLSDecoder,
  JPEG: async () =>
    (await (await import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs")).default(quiet)).JPEGDecoder,
};

/** Makes compressed DICOM readable; each decoder is loaded at its first use. */
export const provideNodeCodecs = (): void => provideCodecs(decoders);
