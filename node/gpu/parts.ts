// What the engine is brought in Node, whose Dawn and drivers need it (engine/part.ts).
import { driverCompile } from "../../engine/driver-compile.ts";
import { patience } from "../../engine/patience.ts";
import { bringTexelReads } from "../../engine/run/texel-reads.ts";
import { DriverCompiler } from "./driver-compile.ts";
import { DriverPatience } from "./patience.ts";

/** Where the last device of this process came from. */
let opened: GPU | undefined;
const compiler = new DriverCompiler(async () => (await opened?.requestAdapter()) ?? null);

/** Brings them, for devices of this GPU. */
export function bringParts(gpu: GPU): void {
  opened = gpu;
  bringTexelReads();
  patience.bring(() => new DriverPatience());
  driverCompile.bring(compiler.compile);
}
