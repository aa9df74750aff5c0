// What a trained network holds inside: maps of its features.
export type { Points } from "./points.ts";
export { type TsneMap, type TsneOptions, type TsneProgress, tsne } from "./tsne/tsne.ts";
