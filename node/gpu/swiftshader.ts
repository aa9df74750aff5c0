// Where SwiftShader, the software Vulkan, lies on this machine; unpacked into a cache where it comes as an archive.

import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

export interface SwiftShaderFiles {
  folder: string;
  /** The driver's JSON, for VK_DRIVER_FILES. */
  icd: string;
  /** libvulkan.so.1, where the folder has one. */
  loader?: string;
  /** Where they come from, for people. */
  from: string;
}

const driver = "libvk_swiftshader.so";
const icdJson = "vk_swiftshader_icd.json";
const loader = "libvulkan.so.1";

/** CMEDL_VULKAN_DIR, the package swiftshader-linux-<arch>, @sparticuz/chromium, then any installed Chromium. */
export async function findSwiftShader(): Promise<SwiftShaderFiles | undefined> {
  const named = process.env.CMEDL_VULKAN_DIR;
  if (named) return swiftShaderIn(named, "CMEDL_VULKAN_DIR");
  return fromOwnPackage() ?? fromSparticuz() ?? fromInstalledBrowser();
}

/** The files of one folder, or nothing if driver or JSON is missing. */
export function swiftShaderIn(folder: string, from: string): SwiftShaderFiles | undefined {
  const icd = join(folder, icdJson);
  if (!existsSync(join(folder, driver)) || !existsSync(icd)) return undefined;
  const ownLoader = join(folder, loader);
  return { folder, icd, from, ...(existsSync(ownLoader) ? { loader: ownLoader } : {}) };
}

function fromOwnPackage(): SwiftShaderFiles | undefined {
  const name = `swiftshader-linux-${process.arch}`;
  const manifest = resolve(`${name}/package.json`);
  return manifest ? swiftShaderIn(dirname(manifest), `npm package ${name}`) : undefined;
}

/** @sparticuz/chromium carries SwiftShader as a brotli tar (x64 only). */
export function fromSparticuz(): SwiftShaderFiles | undefined {
  if (process.arch !== "x64") return undefined;
  const entry = resolve("@sparticuz/chromium");
  const root = entry && ancestorWith(dirname(entry), join("bin", "swiftshader.tar.br"));
  if (!root) return undefined;
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const from = `npm package @sparticuz/chromium ${version}`;
  const archive = join(root, "bin", "swiftshader.tar.br");
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const target = join(cache, "cmedl", `swiftshader-${version}`);
  const cached = swiftShaderIn(target, from);
  if (cached?.loader) return cached;
  try {
    return swiftShaderIn(unpackAtomically(archive, target), from);
  } catch (error) {
    if (!isReadOnly(error)) throw error;
    // No cache can be kept: a private folder for the life of this process.
    const folder = mkdtempSync(join(tmpdir(), "cmedl-swiftshader-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    unpack(archive, folder);
    return swiftShaderIn(folder, from);
  }
}

/** Unpacks beside the target and renames: several processes may do so at once, one wins, all succeed. */
function unpackAtomically(archive: string, target: string): string {
  const mine = `${target}.${process.pid}.${randomUUID().slice(0, 8)}`;
  mkdirSync(mine, { recursive: true });
  try {
    unpack(archive, mine);
    if (existsSync(target) && !swiftShaderIn(target, "")?.loader) rmSync(target, { recursive: true, force: true });
    renameSync(mine, target);
  } catch (error) {
    const another = swiftShaderIn(target, "")?.loader !== undefined;
    rmSync(mine, { recursive: true, force: true });
    if (!another) throw error;
  }
  return target;
}

function unpack(archive: string, folder: string): void {
  const tar = brotliDecompressSync(readFileSync(archive));
  for (const { name, bytes } of tarFiles(tar)) {
    if (name === driver || name === icdJson || name === loader)
      writeFileSync(join(folder, name), bytes, { mode: 0o755 });
  }
}

/** The plain files of a ustar archive. */
export function* tarFiles(tar: Buffer): Generator<{ name: string; bytes: Buffer }> {
  for (let at = 0; at + 512 <= tar.length; ) {
    const name = tar
      .toString("latin1", at, at + 100)
      .replace(/\0[\s\S]*$/, "")
      .replace(/^\.\//, "");
    if (name === "") return;
    const size = parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const kind = tar[at + 156];
    if (kind === 0 || kind === 0x30) yield { name, bytes: tar.subarray(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** SwiftShader lies beside every Chromium, Chrome, Edge, Electron and Playwright browser. */
function fromInstalledBrowser(): SwiftShaderFiles | undefined {
  for (const folder of browserFolders()) {
    const found = swiftShaderIn(folder, folder);
    if (found) return found;
  }
  return undefined;
}

function browserFolders(): string[] {
  const home = homedir();
  const below = (folder: string, ...tail: string[]): string[] => {
    try {
      return readdirSync(folder)
        .sort()
        .reverse()
        .flatMap((name) => tail.map((t) => join(folder, name, t)));
    } catch {
      return [];
    }
  };
  const electron = resolve("electron");
  return [
    ...(process.env.CHROMIUM ? [dirname(real(process.env.CHROMIUM))] : []),
    "/usr/lib/chromium",
    "/usr/lib64/chromium",
    "/usr/lib/chromium-browser",
    "/usr/lib64/chromium-browser",
    "/opt/google/chrome",
    "/opt/google/chrome-beta",
    "/opt/microsoft/msedge",
    "/opt/brave.com/brave",
    "/snap/chromium/current/usr/lib/chromium-browser",
    ...(electron ? [join(dirname(electron), "dist")] : []),
    ...below(
      process.env.PLAYWRIGHT_BROWSERS_PATH || join(home, ".cache", "ms-playwright"),
      "chrome-linux",
      "chrome-linux64",
      "chrome-headless-shell-linux64",
    ),
    ...below(join(home, ".cache", "puppeteer", "chrome"), "chrome-linux64"),
  ];
}

function resolve(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}

function ancestorWith(folder: string, file: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, file)) && statSync(join(at, file)).isFile()) return at;
    if (at === dirname(at)) return undefined;
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isReadOnly(error: unknown): boolean {
  return ["EACCES", "EROFS", "EPERM", "ENOSPC", "ENOTDIR", "EDQUOT"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );
}
