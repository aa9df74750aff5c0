// Which adapter is chosen, and that one is found where there is no driver.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Report } from "../../cli/doctor.ts";
import { type ListedAdapter, bestMatch, describeChoice, openNodeGpu, parseAdapterList } from "../../node/gpu/open.ts";
import { linesOf, overhear } from "../../node/gpu/quiet-stderr.ts";
import { fromSparticuz, swiftShaderIn, tarFiles } from "../../node/gpu/swiftshader.ts";
import { UsageError } from "../../engine/errors.ts";
import { Gpu } from "../../engine/gpu/gpu.ts";
import { cmedl } from "../cli/command.ts";

const test = suite("node-gpu");

const refusal = `Error: no suitable backends found
no adapter matches
Available adapters:
 * backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)'
 * backend: 'vulkan', name: 'NVIDIA H100 80GB HBM3'
 * backend: 'vulkan', name: 'SwiftShader Device (Subzero)'
 * backend: 'd3d12', name: 'Microsoft Basic Render Driver'
 * backend: 'metal', name: 'Apple M3'`;
const adapters = parseAdapterList(refusal);

test("Dawn's refusal is read as a list, software told from hardware", () => {
  assert.equal(
    adapters.map((a) => [a.backend, a.software]),
    [
      ["vulkan", true],
      ["vulkan", false],
      ["vulkan", true],
      ["d3d12", true],
      ["metal", false],
    ],
  );
  assert.is(adapters[1]!.name, "NVIDIA H100 80GB HBM3");
  assert.equal(parseAdapterList("Error: something else"), []);
});

test("a real GPU is preferred to software, wherever it stands", () => {
  assert.is(bestMatch(adapters, "")!.name, "NVIDIA H100 80GB HBM3");
  assert.is(bestMatch([adapters[2]!, adapters[4]!], "")!.name, "Apple M3");
});

test("software is better than nothing", () => {
  assert.is(bestMatch([adapters[3]!], "")!.name, "Microsoft Basic Render Driver");
  assert.is(bestMatch([], ""), undefined);
});

test("a wish names a part of the adapter's name, or any software", () => {
  const name = (wish: string): string | undefined => bestMatch(adapters, wish)?.name;
  assert.is(name("h100"), "NVIDIA H100 80GB HBM3");
  assert.is(name("software"), "llvmpipe (LLVM 15.0.6, 256 bits)");
  assert.is(name("subzero"), "SwiftShader Device (Subzero)");
  assert.is(name("radeon"), undefined);
});

test("the choice is told in one line", () => {
  const choice = (name: string, software: boolean, unchecked = false) =>
    describeChoice({
      how: "system",
      name,
      driver: `${name} 1.0`,
      software,
      unchecked,
      reason: "",
      adapters: [] as ListedAdapter[],
      tried: [],
    });
  assert.is(choice("NVIDIA H100", false), "GPU: NVIDIA H100 (NVIDIA H100 1.0)");
  assert.match(choice("SwiftShader", true), /^software GPU: SwiftShader 1\.0 — slow; .*mesa-vulkan-drivers/);
  assert.match(choice("SwiftShader", true, true), /^software GPU: SwiftShader 1\.0, indices unchecked — slow; /);
  assert.match(choice("llvmpipe", true), /^software GPU: llvmpipe 1\.0 — slow; a GPU/);
});

test("an unknown Dawn toggle is refused, not ignored", async () => {
  try {
    await openNodeGpu({ dawnFeatures: ["no_such_toggle"] });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UsageError);
  }
});

test("what Dawn says of no use is dropped, the rest kept without its prefix", () => {
  assert.equal(
    linesOf(
      "Warning: maxA artificially reduced from 10 to 9 to fit dynamic offset allocation limit.\n" +
        "Warning: vkCreateInstance failed\n    at Check (x.cpp:1)\n\n",
    ),
    ["vkCreateInstance failed"],
  );
});

test("drivers' notes never come into a plain file, a file that is appended to, or a pipe; all else does", () => {
  if (process.platform !== "linux") return;
  const folder = mkdtempSync(join(tmpdir(), "cmedl-test-"));
  try {
    const script = join(folder, "say.ts");
    const module = join(process.cwd(), "node/gpu/quiet-stderr.ts");
    writeFileSync(
      script,
      `import { writeSync } from "node:fs";
      import { overhear } from ${JSON.stringify(module)};
      writeSync(2, "Warning: of one before\\n");
      const { lines, errors } = overhear(true, () => {
        writeSync(2, "Warning: maxA artificially reduced from 10 to 9 to fit\\n");
        writeSync(2, "Error: a real one\\nWarning: vkX failed\\n");
      });
      for (const line of errors) writeSync(2, line + "\\n");
      writeSync(2, lines.join("|") + "\\nafter\\n");`,
    );
    const log = join(folder, "log");
    const run = `${process.execPath} tools/run.mjs ${script}`;
    for (const [how, kept] of [
      [`(echo shell; ${run}; echo end) > ${log} 2>&1`, "Warning: vkX failed"], // Another's, for all that is known: it stays where it is.
      [`(echo shell; ${run}; echo end) >> ${log} 2>&1`, "a real one|vkX failed"],
      [`(echo shell; ${run}; echo end) 2>&1 | cat > ${log}`, "a real one|vkX failed"],
    ] as const) {
      rmSync(log, { force: true });
      execFileSync("sh", ["-c", how]);
      const lines = readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line.trim() !== "");
      assert.equal(lines, ["shell", "Warning: of one before", "Error: a real one", kept, "after", "end"], how);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without quiet nothing is overheard, and an error passes through", () => {
  assert.equal(
    overhear(false, () => 3),
    { value: 3, lines: [], errors: [] },
  );
  assert.throws(
    () =>
      overhear(true, () => {
        throw new Error("as it was");
      }),
    "as it was",
  );
});

test("a folder without driver or JSON holds no SwiftShader", () => {
  const folder = mkdtempSync(join(tmpdir(), "cmedl-test-"));
  try {
    writeFileSync(join(folder, "libvk_swiftshader.so"), "");
    assert.is(swiftShaderIn(folder, "test"), undefined);
    writeFileSync(join(folder, "vk_swiftshader_icd.json"), "{}");
    assert.equal(swiftShaderIn(folder, "test"), { folder, icd: join(folder, "vk_swiftshader_icd.json"), from: "test" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a tar's plain files are read, folders are not", () => {
  const header = (name: string, size: number, kind: string): Buffer => {
    const block = Buffer.alloc(512);
    block.write(name, 0);
    block.write(size.toString(8).padStart(11, "0"), 124);
    block.write(kind, 156);
    return block;
  };
  const body = Buffer.alloc(512, "x");
  const tar = Buffer.concat([
    header("./folder/", 0, "5"),
    header("./a.so", 600, "0"),
    body,
    body,
    header("b", 3, "\0"),
    body,
    Buffer.alloc(1024),
  ]);
  assert.equal(
    [...tarFiles(tar)].map(({ name, bytes }) => [name, bytes.length]),
    [
      ["a.so", 600],
      ["b", 3],
    ],
  );
});

const carried = process.platform === "linux" && process.arch === "x64";

/** What a kernel reads one element behind its binding of 64, where the buffer goes on. */
async function readBehind(ownKernels: boolean): Promise<number> {
  const gpu = await Gpu.open((await openNodeGpu({ device: "swiftshader", ownKernels, quiet: true })).gpu);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [x, y] = [gpu.createBuffer(512, usage, "x"), gpu.createBuffer(16, usage, "y")];
  const numbers = Float32Array.from({ length: 128 }, (_, i) => i);
  gpu.device.queue.writeBuffer(x, 0, numbers);
  const code = `@group(0) @binding(0) var<storage, read> x : array<f32>;
    @group(0) @binding(1) var<storage, read_write> y : array<f32>;
    @compute @workgroup_size(1) fn main(@builtin(num_workgroups) n : vec3u) { y[0] = x[63u + n.x]; }`;
  const visibility = GPUShaderStage.COMPUTE;
  const layout = [
    { binding: 0, visibility, buffer: { type: "read-only-storage" as const } },
    { binding: 1, visibility, buffer: { type: "storage" as const } },
  ];
  const pipeline = await gpu.pipeline(code, layout, "read behind");
  const entries = [
    { binding: 0, resource: { buffer: x, size: 256 } },
    { binding: 1, resource: { buffer: y } },
  ];
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  gpu.submit(encoder.finish());
  const [value] = new Float32Array(await gpu.readBuffer(y, 0, 4));
  gpu.dispose();
  return value!;
}

if (carried) {
  test("SwiftShader checks indices, unless only the library's own kernels will run", async () => {
    assert.is(await readBehind(false), 63, "the last element that is bound");
    assert.is(await readBehind(true), 64, "what lies behind it");
  });

  test("four processes at once unpack SwiftShader into one empty cache", async () => {
    const cache = mkdtempSync(join(tmpdir(), "cmedl-cache-"));
    try {
      const runs = await Promise.all(
        [1, 2, 3, 4].map(() => cmedl(["doctor", "--json"], { CMEDL_DEVICE: "swiftshader", XDG_CACHE_HOME: cache })),
      );
      assert.equal(
        runs.map((r) => r.exitCode),
        [0, 0, 0, 0],
      );
      for (const { stdout } of runs) assert.is((JSON.parse(stdout) as Report).gpu!.how, "swiftshader");
    } finally {
      rmSync(cache, { recursive: true });
    }
  });

  test("a cache that cannot be written is done without", () => {
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = `${process.cwd()}/package.json`; // a file: no folder can be made below it
    try {
      assert.ok(existsSync(fromSparticuz()!.loader!));
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });
}

// Hides loaders, drivers and browsers from one process: what a fresh machine has not.
const hide = [
  "unshare",
  "--mount",
  ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]),
  "sh",
  "-c",
  [
    "for f in $(ldconfig -p | sed -n 's/.*libvulkan.* => //p' | xargs -r readlink -f | sort -u)",
    "do mount --bind /dev/null $f || exit 99; done",
    "for d in /usr/share/vulkan /etc/vulkan /usr/lib/chromium",
    "do [ ! -d $d ] || mount -t tmpfs none $d || exit 99; done",
    'exec "$@"',
  ].join("\n"),
  "sh",
];
const canHide = ((): boolean => {
  try {
    execFileSync(hide[0]!, [...hide.slice(1), "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

if (carried && canHide) {
  test("with no loader, no driver and no browser, the npm-shipped SwiftShader is found", async () => {
    const { exitCode, stdout, stderr } = await cmedl(["doctor", "--json"], {}, hide);
    assert.is(exitCode, 0, stderr);
    const { gpu } = JSON.parse(stdout) as Report;
    assert.is(gpu!.how, "swiftshader");
    assert.equal(
      gpu!.tried.map((t) => t.how),
      ["system", "own-loader", "swiftshader"],
    );
    assert.match(gpu!.reason, /no usable Vulkan driver is installed; files from npm package @sparticuz\/chromium/);
  });

  const lavapipe = "/usr/share/vulkan/icd.d/lvp_icd.json";
  if (existsSync(lavapipe)) {
    test("with a driver but no loader, the driver is reached through our own", async () => {
      // The driver's library stays; only the loader is hidden.
      const library = (JSON.parse(readFileSync(lavapipe, "utf8")) as { ICD: { library_path: string } }).ICD
        .library_path;
      const onlyLoader = hide.map((part) =>
        part.replace("libvulkan.* =>", "libvulkan\\.so.* =>").replace("/usr/share/vulkan ", ""),
      );
      const { exitCode, stdout, stderr } = await cmedl(["doctor", "--json"], {}, onlyLoader);
      assert.is(exitCode, 0, stderr);
      const { gpu } = JSON.parse(stdout) as Report;
      assert.is(gpu!.how, "own-loader", `${library} was not reached: ${JSON.stringify(gpu!.tried)}`);
      assert.match(gpu!.name, /llvmpipe/);
    });
  }
}

test.run();
