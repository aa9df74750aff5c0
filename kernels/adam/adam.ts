import { defineKernel } from "../kernel.ts";
import adamSource from "./adam.wgsl";
import amsgradSource from "./adam-amsgrad.wgsl";

const cost = (p: Readonly<Record<string, number>>) => ({ flops: 60 * p.n, bytes: 112 * p.n });
/** `n` counts vec4s. */
export const adam = defineKernel("adam", { source: adamSource, threads: (p) => p.n, cost });
export const adamAmsgrad = defineKernel("adam-amsgrad", { source: amsgradSource, threads: (p) => p.n, cost });
