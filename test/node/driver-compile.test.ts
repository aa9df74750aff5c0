// Pipelines are compiled by the driver before anything runs them, several at a time, where that is llvmpipe.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AskedPipeline } from "../../engine/driver-compile.ts";
import { readsTexelsFaster } from "../../engine/gpu/source.ts";
import { coresHere } from "../../node/gpu/cores.ts";
import { DriverCompiler } from "../../node/gpu/driver-compile.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("node-driver-compile");

/** So many pipelines of an adapter, and how often another device was asked for. */
async function compiled(count: number, description: string, made = Promise.resolve({} as GPUComputePipeline)) {
  let opened = 0;
  const compiler = new DriverCompiler(async () => {
    opened++;
    return null;
  });
  const device = { adapterInfo: { description }, features: new Set() } as unknown as GPUDevice;
  const asked = (i: number): AskedPipeline => ({ device, code: `// ${i}`, entries: [], made, wanted: () => true });
  const pipelines = await Promise.allSettled(Array.from({ length: count }, (_, i) => compiler.compile(asked(i))));
  return { opened, pipelines };
}

test("where no other device can be had, pipelines are those that were made", async () => {
  const { opened, pipelines } = await compiled(20, "llvmpipe");
  assert.is(opened, coresHere() > 1 ? 1 : 0);
  assert.ok(pipelines.every((p) => p.status === "fulfilled"));
});

test("few pipelines, and those of other drivers, are not waited for", async () => {
  assert.is((await compiled(15, "llvmpipe")).opened, 0);
  assert.is((await compiled(100, "NVIDIA H100")).opened, 0);
  assert.is((await compiled(100, "SwiftShader driver 5.0.0")).opened, 0);
});

test("a pipeline that is refused stays so", async () => {
  const made = Promise.reject(new Error("no such binding"));
  const { pipelines } = await compiled(16, "llvmpipe", made);
  assert.ok(pipelines.every((p) => p.status === "rejected" && (p.reason as Error).message === "no such binding"));
});

const { adapter } = await environment().gpu();
// Reported as skipped on other adapters.
(readsTexelsFaster(adapter.info) && coresHere() > 1 ? test : test.skip)(
  "with an empty cache the first run finds its kernels compiled; without a cache it compiles them",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "cmedl-test-"));
    try {
      const script = join(folder, "first-run.ts");
      const from = (module: string): string => JSON.stringify(join(process.cwd(), module));
      writeFileSync(
        script,
        `import { Device, grad, mean, square } from ${from("engine/index.ts")};
        import { UNet } from ${from("models/index.ts")};
        import { openNodeGpu } from ${from("node/gpu/open.ts")};
        const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
        const net = new UNet({ width: 4, depth: 2 });
        const began = performance.now();
        const program = await device.compile(
          ({ x }) => {
            const loss = mean(square(net.forward(x).logits));
            return { loss, dx: grad(loss, [x])[0] };
          },
          { x: [1, 16, 16, 1] },
        );
        const compiled = performance.now();
        program.run({ x: new Float32Array(256).fill(1) });
        await program.read("loss");
        console.log(JSON.stringify([program.stats().pipelines, compiled - began, performance.now() - compiled]));`,
      );
      const timesOf = async (env: Record<string, string>): Promise<[number, number, number]> => {
        const options = { env: { ...process.env, ...env } };
        const { stdout } = await promisify(execFile)(process.execPath, ["tools/run.mjs", script], options);
        return JSON.parse(stdout) as [number, number, number];
      };
      const [pipelines, compileMs, runMs] = await timesOf({ MESA_SHADER_CACHE_DIR: folder });
      assert.ok(pipelines >= 17, `${pipelines} pipelines`);
      assert.ok(runMs < compileMs / 4, `compiled in ${compileMs} ms, run in ${runMs}`);
      const [, quickMs, lateMs] = await timesOf({ MESA_SHADER_CACHE_DISABLE: "true" });
      assert.ok(lateMs > quickMs / 4, `compiled in ${quickMs} ms, run in ${lateMs}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.run();
