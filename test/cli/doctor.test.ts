// What the doctor says, and what it tells to install on each system.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type SystemFacts,
  describeMend,
  installHint,
  parseOsRelease,
  readSystem,
} from "../../node/gpu/install-hint.ts";
import { type Report, describeTensorCores } from "../../cli/doctor.ts";
import { cmedl } from "./command.ts";

const test = suite("doctor");

const swiftshader = { CMEDL_DEVICE: "swiftshader" };
const nothing = { VK_DRIVER_FILES: "/nonexistent", CMEDL_VULKAN_DIR: "/nonexistent" };

if (process.platform === "linux" && process.arch === "x64") {
  test("on SwiftShader it says so, why, what it can do and what to install", async () => {
    const { exitCode, stdout } = await cmedl(["doctor"], swiftshader);
    assert.is(exitCode, 0);
    for (const part of [
      "software GPU: SwiftShader",
      'asked for by "swiftshader"',
      "no f16",
      "no tensor cores",
      "maxStorageBuffersPerShaderStage",
      "WebGPU's default 134,217,728",
      "for speed",
    ]) {
      assert.ok(stdout.includes(part), `${part} is not in\n${stdout}`);
    }
  });

  test("--json gives the same as data, --device like CMEDL_DEVICE", async () => {
    const { exitCode, stdout } = await cmedl(["doctor", "--json", "--device", "swiftshader"]);
    assert.is(exitCode, 0);
    const { gpu, hint, versions } = JSON.parse(stdout) as Report;
    assert.is(gpu!.how, "swiftshader");
    assert.is(gpu!.software, true);
    assert.is(gpu!.f16, false);
    assert.is(gpu!.tensorCores, null);
    assert.equal(gpu!.limits.maxStorageBuffersPerShaderStage!.default, 8);
    assert.ok(gpu!.features.includes("timestamp-query"));
    assert.is(hint!.possible, true);
    assert.is(versions.node, process.versions.node);
  });

  test("without any driver it exits 4, says what was tried, and the mend on stderr", async () => {
    const { exitCode, stdout, stderr } = await cmedl(["doctor"], nothing);
    assert.is(exitCode, 4);
    assert.ok(stdout.includes("no GPU") && stdout.includes("system: no adapter"), stdout);
    const sentence = stderr.split("\n").find((line) => line.startsWith("cmedl: "))!;
    assert.match(sentence, /^cmedl: the driver that VK_DRIVER_FILES names \(\/nonexistent\) gives no adapter; /);
    assert.ok(sentence.includes(describeMend({ dawnLoads: true })), sentence);
    const json = JSON.parse((await cmedl(["doctor", "--json"], nothing)).stdout) as Report;
    assert.is(json.gpu, null);
    assert.is(json.tried.length, 2);
  });

  test("a device that is not there exits 4 and names those that are", async () => {
    const { exitCode, stderr } = await cmedl(["doctor", "--device", "no such card"], {
      VK_DRIVER_FILES: "/nonexistent",
    });
    assert.is(exitCode, 4);
    assert.ok(stderr.includes(`no GPU matches "no such card"`), stderr);
  });
}

const linux = (os: string, more: Partial<SystemFacts> = {}): SystemFacts => ({
  platform: "linux",
  arch: "x64",
  glibc: "2.39",
  os: parseOsRelease(os),
  ...more,
});
const table: [name: string, system: SystemFacts, possible: boolean, commands: RegExp][] = [
  [
    "Debian 12",
    linux('ID=debian\nVERSION_ID="12"'),
    true,
    new RegExp(
      "bookworm-backports.*debian\\.sources && .*apt-get update && " +
        "sudo apt-get install -y -t bookworm-backports mesa-vulkan-drivers$",
    ),
  ],
  [
    "Debian 12 with sources.list",
    linux('ID=debian\nVERSION_ID="12"', { oneLineSources: true }),
    true,
    /^sed -n .* \| sudo tee .*backports\.list && /,
  ],
  [
    "Debian 12 with backports",
    linux('ID=debian\nVERSION_ID="12"', { backports: true }),
    true,
    /^sudo apt-get update && sudo apt-get install -y -t bookworm-backports mesa-vulkan-drivers$/,
  ],
  [
    "Debian 12 as root",
    linux('ID=debian\nVERSION_ID="12"', { backports: true, root: true }),
    true,
    /^apt-get update && apt-get install/,
  ],
  [
    "Debian 13",
    linux('ID=debian\nVERSION_ID="13"'),
    true,
    /^sudo apt-get update && sudo apt-get install -y mesa-vulkan-drivers$/,
  ],
  ["Debian testing", linux("ID=debian"), true, /install -y mesa-vulkan-drivers$/],
  ["Ubuntu 24.04", linux('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"'), true, /install -y mesa-vulkan-drivers$/],
  [
    "Ubuntu 22.04",
    linux('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"', { glibc: "2.35" }),
    true,
    /install -y mesa-vulkan-drivers$/,
  ],
  [
    "Linux Mint",
    linux('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"'),
    true,
    /install -y mesa-vulkan-drivers$/,
  ],
  ["Fedora", linux("ID=fedora\nVERSION_ID=42"), true, /^sudo dnf install -y mesa-vulkan-drivers vulkan-loader$/],
  [
    "Rocky 9",
    linux('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"', { glibc: "2.34" }),
    true,
    /^sudo dnf install/,
  ],
  ["Arch", linux("ID=arch"), true, /^sudo pacman -S --needed vulkan-icd-loader vulkan-swrast$/],
  ["openSUSE", linux('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"'), true, /^sudo zypper install/],
  ["an unknown Linux", linux("ID=void"), true, /^$/],
  ["Alpine", linux("ID=alpine\nVERSION_ID=3.22", { glibc: undefined }), false, /^$/],
  ["Ubuntu 20.04", linux('ID=ubuntu\nVERSION_ID="20.04"', { glibc: "2.31" }), false, /^$/],
  ["Linux on RISC-V", linux('ID=debian\nVERSION_ID="13"', { arch: "riscv64" }), false, /^$/],
  ["macOS", { platform: "darwin", arch: "arm64", os: {} }, true, /^$/],
  ["Windows", { platform: "win32", arch: "x64", os: {} }, true, /^$/],
  ["FreeBSD", { platform: "freebsd", arch: "x64", os: {} }, false, /^$/],
];
for (const [name, system, possible, commands] of table) {
  test(`what to install on ${name}`, () => {
    const hint = installHint(system);
    assert.is(hint.possible, possible);
    assert.match(hint.commands.join(" && "), commands);
    assert.ok(hint.summary.length > 10);
  });
}

test("the mend is the command, the reason why nothing helps, or a fresh install", () => {
  const debian = linux("ID=debian\nVERSION_ID=13", { root: true });
  assert.is(
    describeMend({ dawnLoads: true }, debian),
    "install a Vulkan driver: `apt-get update && apt-get install -y mesa-vulkan-drivers`, " +
      "or without root `npm install @sparticuz/chromium@147.0.0` (SwiftShader, slow)",
  );
  assert.match(
    describeMend({ dawnLoads: true }, linux("ID=debian\nVERSION_ID=13", { arch: "arm64" })),
    /mesa-vulkan-drivers`$/,
  );
  assert.match(describeMend({ dawnLoads: false }, debian), /npm ci/);
  assert.match(describeMend({ dawnLoads: false }, linux("ID=alpine", { glibc: undefined })), /Alpine/);
});

test("os-release values may be quoted", () => {
  assert.equal(parseOsRelease('ID=debian\nNAME="Debian GNU/Linux"\n# note\nEMPTY=""\nV=\'12\'\n'), {
    ID: "debian",
    NAME: "Debian GNU/Linux",
    EMPTY: "",
    V: "12",
  });
});

test("tensor cores are told with the sizes of their products", () => {
  const size = (n: number) => ({ m: n, n, k: n });
  assert.is(describeTensorCores(null), "no tensor cores");
  assert.is(describeTensorCores({ f16: size(16), lanes: [32, 32] }), "tensor cores (f16 16 × 16 × 16)");
  assert.is(
    describeTensorCores({ f16: size(16), f32: size(8), lanes: [32, 32] }),
    "tensor cores (f16 16 × 16 × 16, f32 8 × 8 × 8)",
  );
});

test("this system can be read", () => {
  const system = readSystem();
  assert.is(system.platform, process.platform);
  if (process.platform === "linux") assert.match(system.glibc ?? "", /^\d+\.\d+|^$/);
});

test.run();
