import { defineKernel } from "../kernel.ts";
import source from "./map.wgsl";
import twice from "./map-twice.wgsl";

export const map = defineKernel("map", { source, threads: (p) => p.n });
export const mapTwice = defineKernel("map-twice", { source: twice, threads: (p) => p.n });
