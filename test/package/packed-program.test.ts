// A program compiled from kernels as they are packed is the one that their files give: the same dispatches, joined alike.
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Plugin, build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packedWgsl } from "../../tools/wgsl.mjs";
import { environmentForDawn, run } from "./install.ts";

const test = suite("a packed program");

/** Two branches of equal shapes, which are joined, with norms and their gradients. */
const PROGRAM = `
  import { openNodeGpu } from "./node/gpu/open.ts";
  import { Device, Variable, conv2d, grad, instanceNorm, mul, relu, sum, add } from "./engine/index.ts";

  const { gpu } = await openNodeGpu({ ownKernels: true, quiet: true });
  const device = await Device.open(gpu);
  const [v, w] = ["v", "w"].map((name) => new Variable([3, 3, 8, 8], new Float32Array(576).fill(0.1), { name }));
  const branch = (x, w) => relu(instanceNorm(conv2d(x, w.value, { pad: 1 })));
  const program = await device.compile(
    ({ x }) => {
      const loss = add(sum(mul(branch(x, v), x)), sum(mul(branch(x, w), x)));
      const [dv, dw] = grad(loss, [v.value, w.value]);
      return { dv, dw };
    },
    { x: [2, 8, 8, 8] },
    { mode: "train" },
  );
  console.log(program.explain().dispatches.map((d) => d.kernel + " " + d.workgroups).join("\\n"));
  process.exit(0);
`;

async function dispatchesOf(plugins: readonly Plugin[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-packed-program-"));
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  try {
    const outfile = join(folder, "program.mjs");
    await build({
      stdin: { contents: PROGRAM, resolveDir: process.cwd(), loader: "ts" },
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "es2022",
      external: ["webgpu"],
      loader: { ".wgsl": "text" },
      plugins: [...plugins],
      logLevel: "silent",
    });
    const { stdout } = await run(process.execPath, [outfile], { cwd: process.cwd(), env: await environmentForDawn() });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("its dispatches are those of the files", async () => {
  const [packed, whole] = [await dispatchesOf([packedWgsl]), await dispatchesOf([])];
  assert.match(whole, /^\S+ \d+,\d+,\d+$/m);
  assert.is(packed, whole);
});

test.run();
