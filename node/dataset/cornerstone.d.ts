// What is used of the codecs, which come without types.

interface EmscriptenOptions {
  print?(text: string): void;
  printErr?(text: string): void;
}

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  const make: (
    options?: EmscriptenOptions,
  ) => Promise<{ J2KDecoder: new () => import("../../data/formats/dicom/codecs.ts").FrameDecoder }>;
  export default make;
}
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  const make: (
    options?: EmscriptenOptions,
  ) => Promise<{ JpegLSDecoder: new () => import("../../data/formats/dicom/codecs.ts").FrameDecoder }>;
  export default make;
}
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs" {
  const make: (
    options?: EmscriptenOptions,
  ) => Promise<{ JPEGDecoder: new () => import("../../data/formats/dicom/codecs.ts").FrameDecoder }>;
  export default make;
}
