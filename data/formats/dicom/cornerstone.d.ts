// What is used of the codecs, which come without types.

interface CornerstoneDecoder {
  /** Room for so many encoded bytes, in the codec's memory. */
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): {
    width: number;
    height: number;
    bitsPerSample: number;
    componentCount: number;
    isSigned?: boolean;
  };
  delete(): void;
}
interface EmscriptenOptions {
  print?(text: string): void;
  printErr?(text: string): void;
}

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  const make: (options?: EmscriptenOptions) => Promise<{ J2KDecoder: new () => CornerstoneDecoder }>;
  export default make;
}
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  const make: (options?: EmscriptenOptions) => Promise<{ JpegLSDecoder: new () => CornerstoneDecoder }>;
  export default make;
}
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  const make: (options?: EmscriptenOptions) => Promise<{ JPEGDecoder: new () => CornerstoneDecoder }>;
  export default make;
}
declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    constructor(buffer?: ArrayBuffer, bytesPerValue?: number);
    /** The samples, of 1 or 2 bytes each. */
    decode(buffer: ArrayBuffer, offset?: number, length?: number, bytesPerValue?: number): Uint8Array | Uint16Array;
    readonly xDim: number;
    readonly yDim: number;
    readonly numComp: number;
  }
}
