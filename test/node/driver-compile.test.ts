// Pipelines are compiled by the driver before anything runs them, several at a time, where that is llvmpipe.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { AskedPipeline } from "../../engine/driver-compile.ts";
import { Pace } from "../../engine/pace.ts";
import { readsTexelsFaster } from "../../engine/gpu/source.ts";
import { coresHere } from "../../node/gpu/cores.ts";
import { DriverCompiler } from "../../node/gpu/driver-compile.ts";
import { environment } from "../helpers/environment.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("node-driver-compile");

/** Pipelines of a device whose adapter says this, and how often another device was asked for. */
class Asking {
  opened = 0;
  readonly compiler = new DriverCompiler(async (device) => {
    this.opened++;
    assert.is(device, this.device);
    return null;
  });
  readonly device: GPUDevice;

  constructor(description: string) {
    this.device = { adapterInfo: { description }, features: new Set() } as unknown as GPUDevice;
  }

  /** So many of them at once. */
  ask(count: number, made = Promise.resolve({} as GPUComputePipeline)): Promise<GPUComputePipeline>[] {
    const asked = (i: number): AskedPipeline => ({
      device: this.device,
      code: `// ${i}`,
      entries: [],
      made,
      wanted: () => true,
    });
    return Array.from({ length: count }, (_, i) => this.compiler.compile(asked(i)));
  }
}
const isParallel = coresHere() > 1;

test("where no other device can be had, pipelines are those that were made", async () => {
  const asking = new Asking("llvmpipe");
  const pipeline = {} as GPUComputePipeline;
  for (const made of await Promise.all(asking.ask(16, Promise.resolve(pipeline)))) assert.is(made, pipeline);
  assert.is(asking.opened, isParallel ? 1 : 0);
});

test("few pipelines, and those of other drivers, are not waited for", async () => {
  for (const [count, description] of [
    [15, "llvmpipe"],
    [100, "NVIDIA H100"],
    [100, "SwiftShader driver 5.0.0"],
  ] as const) {
    const asking = new Asking(description);
    await Promise.all(asking.ask(count));
    assert.is(asking.opened, 0, description);
  }
});

test("what a compile asks for between its turns is one burst", async () => {
  const asking = new Asking("llvmpipe");
  const all = asking.ask(6);
  const pace = new Pace({ yieldEveryMs: 0 });
  for (let i = 0; i < 2; i++) {
    await pace.turn();
    all.push(...asking.ask(6));
  }
  await Promise.all(all);
  assert.is(asking.opened, isParallel ? 1 : 0);
});

test("a pipeline that is refused is so at once, whatever the others take", async () => {
  const asking = new Asking("llvmpipe");
  const others = asking.ask(20, new Promise(() => {}));
  const [wrong] = asking.ask(1, Promise.reject(new Error("no such binding")));
  await refused(wrong!, /no such binding/, Error);
  const unsettled = Symbol();
  assert.is(await Promise.race([...others, new Promise((resolve) => setTimeout(resolve, 20, unsettled))]), unsettled);
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
        const compile = (options) =>
          device.compile(
            ({ x }) => {
              const loss = mean(square(net.forward(x).logits));
              return { loss, dx: grad(loss, [x])[0] };
            },
            { x: [1, 16, 16, 1] },
            options,
          );
        const began = performance.now();
        if (process.argv[2]) {
          const aborted = compile({ signal: AbortSignal.timeout(Number(process.argv[2])) });
          const outcome = await aborted.then(() => "made", (error) => error.name);
          if (outcome !== "TimeoutError") throw new Error("the compile that was to be aborted: " + outcome);
        }
        const program = await compile({});
        const compiled = performance.now();
        program.run({ x: new Float32Array(256).fill(1) });
        await program.read("loss");
        console.log(JSON.stringify([program.stats().pipelines, compiled - began, performance.now() - compiled]));`,
      );
      const timesOf = async (env: Record<string, string>, abortMs = ""): Promise<[number, number, number]> => {
        const options = { env: { ...process.env, ...env } };
        const { stdout } = await promisify(execFile)(process.execPath, ["tools/run.mjs", script, abortMs], options);
        return JSON.parse(stdout) as [number, number, number];
      };
      const [pipelines, compileMs, runMs] = await timesOf({ MESA_SHADER_CACHE_DIR: join(folder, "a") });
      assert.ok(pipelines >= 17, `${pipelines} pipelines`);
      assert.ok(runMs < compileMs / 4, `compiled in ${compileMs} ms, run in ${runMs}`);
      // What an aborted compile left is compiled by the next, where that is most of it.
      const [, againMs, afterMs] = await timesOf({ MESA_SHADER_CACHE_DIR: join(folder, "b") }, "300");
      assert.ok(afterMs < againMs / 4, `compiled in ${againMs} ms, run in ${afterMs}`);
      const [, quickMs, lateMs] = await timesOf({ MESA_SHADER_CACHE_DISABLE: "true" });
      assert.ok(lateMs > quickMs / 4, `compiled in ${quickMs} ms, run in ${lateMs}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.run();
