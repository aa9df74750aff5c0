import { defineKernel } from "./kernel.ts";
import source from "./map.wgsl";

export const map = defineKernel("map", { source, threads: (p) => p.n });
