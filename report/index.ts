// Pictures of results.
export { type CurveOptions, type Series, curvesPicture } from "./curves.ts";
export { type EpochRow, type MontageOptions, type Tile, epochPicture, montage } from "./montage.ts";
export { type Colour, Picture, colours } from "./picture.ts";
