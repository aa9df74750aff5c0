// Elementwise expressions, fused into a hook: one result, or the same one written twice.
import { defineKernel } from "../kernel.ts";
import source from "./map.wgsl";
import twice from "./map-twice.wgsl";

/** `n` counts the elements of the hook's type. */
type MapProblem = { readonly n: number };
const threads = (p: MapProblem): number => p.n;

export const map = defineKernel<MapProblem>("map", { source, threads });
export const mapTwice = defineKernel<MapProblem>("map-twice", { source: twice, threads });
