// What is used of jpeg-lossless-decoder-js, whose package lacks the types that it names.

declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    constructor(buffer?: ArrayBuffer, bytesPerValue?: number);
    /** The samples, of 1 or 2 bytes each. */
    decode(buffer: ArrayBuffer, offset?: number, length?: number, bytesPerValue?: number): Uint8Array | Uint16Array;
    readonly xDim: number;
    readonly yDim: number;
    readonly numComp: number;
    /** What a pixel is predicted from: those to its left and above it, of a component. */
    select7(component?: number): number;
    getPreviousX(component?: number): number;
    getPreviousY(component?: number): number;
  }
}
