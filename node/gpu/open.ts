// The one import of "webgpu" (Dawn): a GPU for Node, found in the order the machine allows.
//
//   1  the system's Vulkan driver as it is (Metal, D3D12 elsewhere)
//   2  our own libvulkan.so.1 preloaded: rescues machines with a driver but no loader
//   3  the same loader with SwiftShader as the only driver: no GPU, no driver, no root needed
//   4  GpuUnavailableError with the command that mends it
//
// A VK_DRIVER_FILES or VK_ICD_FILENAMES that the user set is never overridden.

import { isMainThread } from "node:worker_threads";
import { GpuUnavailableError } from "../../engine/errors.ts";
import { isSoftwareAdapter, isSoftwareName } from "../../engine/gpu/source.ts";
import { PackageMissingError, importFailure } from "../../errors/package-missing.ts";
import { dawnFlags } from "./dawn-features.ts";
import { describeMend } from "./install-hint.ts";
import { bringParts } from "./parts.ts";
import { overhear } from "./quiet-stderr.ts";
import { findSwiftShader, type SwiftShaderFiles } from "./swiftshader.ts";

export interface NodeGpuOptions {
  /** Substring of an adapter's name, "software" or "swiftshader". Default: CMEDL_DEVICE, else the fastest. */
  device?: string;
  /** Dawn toggles to switch on beside `tensorCoreFeatures`; with a leading "-", off. See `knownDawnFeatures`. */
  dawnFeatures?: readonly string[];
  /**
   * Keep what Dawn warns of while it looks for drivers off stderr (Linux; for a process that does nothing else yet).
   */
  quiet?: boolean;
  /**
   * Whether it will run no kernels but this library's, which keep to their tensors (docs/decisions/0021): SwiftShader is
   * then opened without its checks of indices, and takes two thirds of the wall time. An index out of range reads and writes
   * the process's own memory there. Default: false.
   */
  ownKernels?: boolean;
}

export interface GpuChoice {
  how: "system" | "own-loader" | "swiftshader";
  /** The adapter's name as the driver gives it. */
  name: string;
  driver: string;
  software: boolean;
  /** Whether indices of kernels go unchecked (`NodeGpuOptions.ownKernels`). */
  unchecked: boolean;
  /** Why this one, as one sentence. */
  reason: string;
  /** Every adapter that was visible when the choice was made. */
  adapters: ListedAdapter[];
  tried: { how: string; result: string }[];
}

export interface ListedAdapter {
  backend: string;
  name: string;
  software: boolean;
}

export interface NodeGpu {
  gpu: GPU;
  adapter: GPUAdapter;
  choice: GpuChoice;
}

/** What of Dawn's module is used: its own types name @webgpu/types, which a compiler that knows WebGPU must not see. */
interface Dawn {
  create(options: string[]): GPU;
}
interface Found {
  gpu: GPU;
  adapter: GPUAdapter;
  adapters: ListedAdapter[];
}

/** Dawn segfaults at the next garbage collection if a create() result is dropped. */
export const keptForever: GPU[] = [];

/**
 * Opens the GPU that `options.device` or the machine suggests; every call is a new Dawn instance. Throws
 * PackageMissingError where webgpu is not installed, GpuUnavailableError where there is no such GPU.
 */
export async function openNodeGpu(options: NodeGpuOptions = {}): Promise<NodeGpu> {
  const wish = (options.device ?? process.env.CMEDL_DEVICE ?? "").trim().toLowerCase();
  const features = options.dawnFeatures ?? [];
  const flagsFor = (name: string): string[] =>
    dawnFlags(isUnchecked(options, name) ? [...features, CHECKS_OFF] : features);
  const tried: GpuChoice["tried"] = [];
  const webgpu = await loadDawn(tried);
  const chosenByUser = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  const seen = new Map<string, ListedAdapter>();

  const attempt = async (how: GpuChoice["how"], reason: string): Promise<NodeGpu | undefined> => {
    const found = await findAdapter(webgpu, flagsFor, wish, options.quiet ?? false);
    for (const adapter of found.adapters) seen.set(`${adapter.backend} ${adapter.name}`, adapter);
    if (!found.adapter) {
      const nothing = found.adapters.length > 0 ? `no adapter called "${wish}"` : "no adapter";
      tried.push({ how, result: found.said.length > 0 ? `${nothing} (${found.said.join("; ")})` : nothing });
      return undefined;
    }
    tried.push({ how, result: found.adapter.info.description || found.adapter.info.device });
    for (const line of found.errors) process.stderr.write(`${line}\n`);
    bringParts(found.gpu!, found.adapter);
    const choice = choiceOf(found as Found, how, reason, tried);
    const unchecked = isUnchecked(options, choice.name);
    return { gpu: found.gpu!, adapter: found.adapter, choice: { ...choice, unchecked } };
  };

  // A SwiftShader from files is asked for by name: the system's own drivers are no answer, unless the user named them.
  const onlySwiftShader = wish === "swiftshader" && chosenByUser === undefined && process.platform === "linux";
  if (!onlySwiftShader) {
    const reason = wish
      ? `asked for by "${wish}"`
      : chosenByUser
        ? "the driver that VK_DRIVER_FILES names"
        : "the system's own driver";
    const system = await attempt("system", reason);
    if (system) return system;
  }

  if (process.platform === "linux" && (wish === "" || wish === "software" || wish === "swiftshader")) {
    const files = await findSwiftShader();
    if (!files) tried.push({ how: "swiftshader", result: "no SwiftShader files found" });
    if (files?.loader && !onlySwiftShader) {
      preloadLoader(files.loader);
      const rescued = await attempt(
        "own-loader",
        "the system's driver through our own Vulkan loader, for there was none",
      );
      if (rescued) return rescued;
    }
    if (files && chosenByUser === undefined) {
      const software = await openSwiftShader(files, () =>
        attempt(
          "swiftshader",
          onlySwiftShader
            ? `asked for by "swiftshader"; files from ${files.from}`
            : `no usable Vulkan driver is installed; files from ${files.from}`,
        ),
      );
      if (software) return software;
    }
  }
  throw unavailable(wish, chosenByUser, tried, [...seen.values()]);
}

const isSwiftShader = (name: string): boolean => /swiftshader/i.test(name);

const CHECKS_OFF = "disable_robustness";
/** Whether indices go unchecked on this adapter. */
const isUnchecked = ({ ownKernels = false, dawnFeatures = [] }: NodeGpuOptions, name: string): boolean =>
  ownKernels && isSwiftShader(name) && !dawnFeatures.includes(`-${CHECKS_OFF}`);

async function openSwiftShader(files: SwiftShaderFiles, attempt: () => Promise<NodeGpu | undefined>) {
  if (files.loader) preloadLoader(files.loader);
  process.env.VK_DRIVER_FILES = files.icd; // setenv in the main thread: the loader reads it when an instance is made
  try {
    return await attempt();
  } finally {
    // The instance keeps its driver; later instances see the user's environment again.
    delete process.env.VK_DRIVER_FILES;
  }
}

/** dlopen with RTLD_NODELETE: Node refuses the library as an addon, but it stays mapped under its SONAME. */
function preloadLoader(path: string): void {
  try {
    process.dlopen({ exports: {} }, path, RTLD_NOW | RTLD_NODELETE);
  } catch {
    /* "Module did not self-register" is the expected answer */
  }
}
const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

/** Dawn, with its globals set. Throws PackageMissingError, or GpuUnavailableError where it does not load. */
export async function loadDawn(tried: GpuChoice["tried"]): Promise<Dawn> {
  try {
    const webgpu = await import("webgpu");
    Object.assign(globalThis, webgpu.globals);
    return webgpu;
  } catch (cause) {
    const failure = importFailure(cause, "a GPU in Node", ["webgpu"]);
    if (failure instanceof PackageMissingError) throw failure;
    const message = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
    tried.push({ how: "webgpu", result: message });
    throw new GpuUnavailableError(
      `the npm package webgpu (Dawn) does not load here: ${message}; ${describeMend({ dawnLoads: false })}`,
      tried,
      { cause },
    );
  }
}

/** One Dawn instance, or two when the first is not yet pinned to the best adapter. */
async function findAdapter(
  webgpu: Dawn,
  flagsFor: (adapter: string) => string[],
  wish: string,
  quiet: boolean,
): Promise<Partial<Found> & { adapters: ListedAdapter[]; said: string[]; errors: string[] }> {
  const said = new Set<string>();
  const errors = new Set<string>();
  const open = async (extra: string[], name = ""): Promise<Partial<Found>> => {
    const {
      value: [gpu, request],
      lines,
      errors: heard,
    } = overhear(quiet, () => {
      const gpu = webgpu.create([...flagsFor(name), ...extra]);
      keptForever.push(gpu);
      const request = gpu.requestAdapter.bind(gpu);
      const preferFast = (o?: GPURequestAdapterOptions) => request({ powerPreference: "high-performance", ...o });
      Object.defineProperty(gpu, "requestAdapter", { value: preferFast, configurable: true });
      return [gpu, preferFast()] as const;
    });
    for (const line of lines) said.add(line);
    for (const line of heard) errors.add(line);
    return { gpu, adapter: (await request) ?? undefined };
  };
  const list = async (): Promise<ListedAdapter[]> => {
    try {
      await open(["adapter=no adapter has this name"]);
      return [];
    } catch (error) {
      return parseAdapterList(String(error));
    }
  };
  const answer = (found: Partial<Found>, adapters: ListedAdapter[]) => ({
    ...found,
    adapters,
    said: [...said],
    errors: [...errors],
  });

  const first = wish === "" ? await open([]) : {};
  if (first.adapter && !isSoftwareAdapter(first.adapter.info)) return answer(first, [listed(first.adapter)]);
  // Dawn sorts processors last, but asks one backend after the other: a real GPU may stand further down.
  const adapters = await list();
  const match = bestMatch(adapters, wish);
  // What an instance goes without is settled when it is made.
  const isOther = match !== undefined && flagsFor(match.name).join() !== flagsFor("").join();
  if (!match || (first.adapter && match.software && !isOther)) return answer(first, adapters);
  const pinned = await open([`adapter=${match.name}`], match.name);
  return answer(pinned.adapter ? pinned : first, adapters);
}

/**
 * The adapter that a wish means: "software", part of a name, or "" for the first real GPU, else the first of any
 * kind.
 */
export function bestMatch(adapters: readonly ListedAdapter[], wish: string): ListedAdapter | undefined {
  if (wish === "") return adapters.find((a) => !a.software) ?? adapters[0];
  return adapters.find((a) => (wish === "software" ? a.software : a.name.toLowerCase().includes(wish)));
}

/** Dawn's refusal of an unknown adapter name lists what there is. */
export function parseAdapterList(message: string): ListedAdapter[] {
  return [...message.matchAll(/backend: '([^']*)', name: '(.*)'$/gm)].map(([, backend, name]) => ({
    backend: backend!,
    name: name!,
    software: isSoftwareName(name!),
  }));
}

const backendHere = process.platform === "darwin" ? "metal" : process.platform === "win32" ? "d3d12" : "vulkan";

function listed(adapter: GPUAdapter): ListedAdapter {
  return {
    backend: backendHere,
    name: adapter.info.device || adapter.info.description,
    software: isSoftwareAdapter(adapter.info),
  };
}

function choiceOf(
  found: Found,
  how: GpuChoice["how"],
  reason: string,
  tried: GpuChoice["tried"],
): Omit<GpuChoice, "unchecked"> {
  const { info } = found.adapter;
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "");
  const name =
    found.adapters.find((a) => plain(a.name) === plain(info.device))?.name ?? (info.device || info.description);
  return {
    how,
    name,
    driver: info.description || info.device,
    software: isSoftwareAdapter(found.adapter.info),
    reason,
    adapters: found.adapters,
    tried: [...tried],
  };
}

/** "software GPU: SwiftShader … — slow; …", or "GPU: NVIDIA …": one line for stderr. */
export function describeChoice(choice: GpuChoice): string {
  if (!choice.software) return `GPU: ${choice.name} (${choice.driver})`;
  const faster = /swiftshader/i.test(choice.name + choice.driver)
    ? "slow; mesa-vulkan-drivers >= 24.2 is several times faster, a GPU a hundred (see `cmedl doctor`)"
    : "slow; a GPU is about a hundred times faster";
  return `software GPU: ${choice.driver}${choice.unchecked ? ", indices unchecked" : ""} — ${faster}`;
}

function unavailable(
  wish: string,
  chosenByUser: string | undefined,
  tried: GpuChoice["tried"],
  seen: ListedAdapter[],
): GpuUnavailableError {
  if (wish !== "" && (seen.length > 0 || chosenByUser !== undefined)) {
    const names = seen.map((a) => a.name).join("; ") || "none";
    const hint =
      wish === "swiftshader" && chosenByUser !== undefined
        ? `VK_DRIVER_FILES is set to ${chosenByUser}, which is not overridden: unset it`
        : "name one of them or leave the choice open";
    return new GpuUnavailableError(`no GPU matches "${wish}" (adapters: ${names}); ${hint}`, tried);
  }
  const inWorker = isMainThread
    ? ""
    : " (a worker thread's environment does not reach the driver: open the GPU in the main thread)";
  const because =
    chosenByUser !== undefined
      ? `the driver that VK_DRIVER_FILES names (${chosenByUser}) gives no adapter`
      : "no usable GPU or Vulkan driver";
  return new GpuUnavailableError(`${because}${inWorker}; ${describeMend({ dawnLoads: true })}`, tried);
}
