// What the engine is brought in Node, whose Dawn and drivers need it (engine/part.ts).
import { driverCompile } from "../../engine/driver-compile.ts";
import { patience } from "../../engine/patience.ts";
import { bringHorizontalFusion } from "../../engine/run/bring-horizontal.ts";
import { bringLlvmpipe } from "../../engine/run/bring-llvmpipe.ts";
import { bringTensorCores } from "../../engine/run/bring-tensor-cores.ts";
import { DriverCompiler } from "./driver-compile.ts";
import { DriverPatience } from "./patience.ts";

/** Where devices of this process come from, by what their adapters say of themselves. */
const sources = new Map<string, GPU>();
const keyOf = ({ vendor, device, description }: GPUAdapterInfo): string => [vendor, device, description].join();
const compiler = new DriverCompiler(
  async ({ adapterInfo }) => (await sources.get(keyOf(adapterInfo))?.requestAdapter()) ?? null,
);

/** Brings them, for devices of this GPU too. */
export function bringParts(gpu: GPU, { info }: GPUAdapter): void {
  sources.set(keyOf(info), gpu);
  bringLlvmpipe();
  bringTensorCores();
  bringHorizontalFusion();
  patience.bring(() => new DriverPatience());
  driverCompile.bring(compiler.compile);
}
