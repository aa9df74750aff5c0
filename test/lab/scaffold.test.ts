// What `cmedl kernel new` writes: a family that is listed, lints clean, and is never written over another.
import { cp, mkdir, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kernelTable, readRoofline } from "../../cli/kernel-table.ts";
import { lintFiles } from "../../lab/lint/lint.ts";
import { openValidator } from "../../node/gpu/validator.ts";
import { kernelFiles } from "../../node/kernels/files.ts";
import { listKernels } from "../../node/kernels/list.ts";
import { writeFamily } from "../../node/kernels/scaffold.ts";

const test = suite("kernel new");

const refused = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => assert.unreachable(),
    (error) => error,
  );

test("a new family is written, listed and sound; a second of its name is refused", async () => {
  const root = await mkdtemp(join(tmpdir(), "clone-"));
  await mkdir(join(root, "kernels"));
  await cp("kernels/index.ts", join(root, "kernels/index.ts"));
  await cp("bench/cases/asked.ts", join(root, "bench/cases/asked.ts"));
  const written = await writeFamily(root, "box-blur");
  assert.equal(written, [
    "kernels/box-blur/box-blur-direct.wgsl",
    "kernels/box-blur/box-blur.ts",
    "bench/reference/box-blur.ts",
    "engine/ops/box-blur.ts",
    "bench/cases/box-blur.ts",
    "test/kernels/box-blur.test.ts",
    "kernels/index.ts",
    "bench/cases/asked.ts",
  ]);
  const index = await readFile(join(root, "kernels/index.ts"), "utf8");
  assert.match(index, /import \* as boxBlur from "\.\/box-blur\/box-blur\.ts";\n/);
  assert.match(index, /\n {6}boxBlur,\n {4}\]\.flatMap/);
  const asked = await readFile(join(root, "bench/cases/asked.ts"), "utf8");
  assert.match(asked, /\nimport { boxBlurAsked } from "\.\/box-blur\.ts";\n\ntype Pair/);
  assert.match(asked, /\n {2}"box-blur": boxBlurAsked,\n};/);
  const source = await readFile(join(root, written[0]!), "utf8");
  const device = await openValidator();
  assert.equal(await lintFiles(device, [{ file: written[0]!, source, kernels: [], family: [] }]), []);
  device.destroy();
  assert.match((await refused(writeFamily(root, "box-blur"))).message, /box-blur-direct\.wgsl/);
  assert.match((await refused(writeFamily(root, "Box Blur"))).message, /no name of a kernel/);
  assert.match((await refused(writeFamily(root, "conv2d"))).message, /has conv2d already/);
});

test("kernels are listed by what their files say of them", async () => {
  const kernels = listKernels(await kernelFiles(process.cwd()));
  const of = (name: string) => kernels.find(({ names }) => names.includes(name))!;
  assert.equal(of("conv2d-direct-quad"), {
    family: "conv2d",
    names: ["conv2d-direct-quad"],
    formula: "y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · w[r,s,c,k]",
    layouts: "x NHWC · w RSCK · y NPQK, in vec4s",
    needs: "C and K multiples of 4 within each group; subgroups",
    tunables: { KV: [2, 1, 3, 4] },
  });
  assert.match(of("max-pool").formula, /^y\[n,p,q,c\] = max over r,s/);
  for (const { names, formula } of kernels) assert.ok(formula.length > 5 && formula.length < 400, names[0]);
});

test("docs/kernel-table.md has a row for each kernel, as `cmedl kernel list` prints it", async () => {
  const kernels = listKernels(await kernelFiles(process.cwd()));
  const roofline = await readRoofline(process.cwd());
  const firsts = kernels.map(({ names }) => names[0]);
  for (const measured of Object.values(roofline))
    for (const name of Object.keys(measured)) assert.ok(firsts.includes(name), `${name} of roofline.json is no kernel`);
  const page = (await readFile("docs/kernel-table.md", "utf8")).split("\n");
  const missing = kernelTable(kernels, roofline)
    .split("\n")
    .filter((row) => !page.includes(row));
  assert.equal(missing, [], "put what `npx cmedl kernel list` prints into docs/kernel-table.md");
  const rows = page.filter((line) => line.startsWith("| "));
  assert.is(rows.length, kernels.length + 2, "rows of kernels that there are no more");
});

test.run();
