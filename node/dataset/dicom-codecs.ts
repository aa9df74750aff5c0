/// <reference path="./cornerstone.d.ts" />
// Decoders of compressed DICOM for Node: WebAssembly that each package finds beside itself. Throw PackageMissingError
// where it is not installed.
import { provideCodecs } from "../../data/formats/dicom/codecs.ts";
import { importFailure } from "../../errors/package-missing.ts";

// They talk on stdout else.
const quiet = { print: (): void => {}, printErr: (): void => {} };

const missing = (error: unknown, format: string, name: string): unknown =>
  importFailure(error, `reading ${format} of DICOM`, [name]);

const decoders = {
  "JPEG 2000": async () => {
    try {
      return (await (await import("@cornerstonejs/codec-openjpeg/decodewasmjs")).default(quiet)).J2KDecoder;
    } catch (error) {
      throw missing(error, "JPEG 2000", "@cornerstonejs/codec-openjpeg");
    }
  },
  "JPEG-LS": async () => {
    try {
      return (await (await import("@cornerstonejs/codec-charls/decodewasmjs")).default(quiet)).JpegLSDecoder;
    } catch (error) {
      throw missing(error, "JPEG-LS", "@cornerstonejs/codec-charls");
    }
  },
  JPEG: async () => {
    try {
      return (await (await import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs")).default(quiet)).JPEGDecoder;
    } catch (error) {
      throw missing(error, "JPEG", "@cornerstonejs/codec-libjpeg-turbo-8bit");
    }
  },
};

/** Makes compressed DICOM readable; each decoder is loaded at its first use. */
export const provideNodeCodecs = (): void => provideCodecs(decoders);
