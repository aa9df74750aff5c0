// What a trained network holds inside: its features as pictures, and maps of their vectors.
export { type Features, type GreyMaps, greyMaps } from "./feature-maps.ts";
export { type LabelledPixel, type Masks, type PixelOptions, choosePixels, takePixels } from "./feature-points.ts";
export type { Points } from "./points.ts";
export { type TsneMap, type TsneOptions, type TsneProgress, tsne } from "./tsne/tsne.ts";
