// One Adam step of a whole arena, and that of AMSGrad.
import { defineKernel } from "../kernel.ts";
import adamSource from "./adam.wgsl";
import amsgradSource from "./adam-amsgrad.wgsl";

/** `n` counts vec4s. */
type AdamProblem = { readonly n: number };

const threads = (p: AdamProblem): number => p.n;
const cost = (p: AdamProblem) => ({ flops: 60 * p.n, bytes: 112 * p.n });

export const adam = defineKernel<AdamProblem>("adam", { source: adamSource, threads, cost });
export const adamAmsgrad = defineKernel<AdamProblem>("adam-amsgrad", { source: amsgradSource, threads, cost });
