// The last dispatch of a program, which proves that its run was executed.
import { defineKernel } from "../kernel.ts";
import source from "./finish.wgsl";

export const finish = defineKernel("finish", { source, workgroups: () => [1, 1, 1] });
