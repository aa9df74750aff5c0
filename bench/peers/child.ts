// One engine in a process of its own, driven by messages: prepare a case, take samples, release it.
import { isSoftwareAdapter } from "../../engine/index.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { type Samples, noSamples, settled, take } from "../../lab/clock.ts";
import { CHECKED_STEPS, PEER_CASES } from "./peer-cases.ts";
import { type Counts, countWebGpu } from "./counting.ts";
import type { Engine, EngineName, OpenEngine, Ready, Results } from "./engine.ts";

export type Request =
  | { readonly op: "prepare"; readonly name: string }
  | { readonly op: "sample"; readonly count: number }
  | { readonly op: "release" };
export interface Prepared {
  /** Building, compiling and the first run. */
  readonly firstMs: number;
  readonly results: Results;
  /** Of one run once warm; pipelines and bytes of all so far. */
  readonly counts: Counts;
}
export type Reply =
  | { readonly error: string }
  | { readonly prepared: Prepared }
  | { readonly ms: readonly number[] }
  | { readonly released: true };

const OPEN: Record<EngineName, () => Promise<OpenEngine>> = {
  cmedl: async () => (await import("./cmedl.ts")).openCmedl,
  tfjs: async () => (await import("./tfjs.ts")).openTfjs,
  jaxjs: async () => (await import("./jaxjs.ts")).openJaxjs,
};

async function serve(name: EngineName): Promise<void> {
  const { gpu, adapter } = await openNodeGpu({ quiet: true });
  const counts = countWebGpu();
  // Engines made for the browser look there, at import.
  Object.defineProperty(globalThis, "navigator", {
    value: { gpu, userAgent: "node", platform: process.platform, hardwareConcurrency: 2 },
    configurable: true,
  });
  const engine: Engine = await (await OPEN[name]())(gpu);
  const traits = { cpu: isSoftwareAdapter(adapter.info) };
  let ready: Ready | undefined;
  let samples: Samples = noSamples();

  const prepare = async (caseName: string): Promise<Prepared> => {
    const c = PEER_CASES.find((p) => p.name === caseName)!;
    const pipelines = counts.pipelines;
    // What the case before has held is over.
    counts.peakBytes = counts.bytes;
    const start = performance.now();
    const made = await engine.prepare(c);
    ready = made;
    const waitable = { device: made.device, traits };
    await settled(waitable, () => made.submit());
    const firstMs = performance.now() - start;
    let results = await made.results();
    if (c.work.kind === "unet" && c.work.want === "step") {
      const losses = [results.loss![0]];
      while (losses.length < CHECKED_STEPS) {
        await settled(waitable, () => made.submit());
        losses.push((await made.results()).loss![0]);
      }
      results = { losses: Float32Array.from(losses) };
    }
    samples = noSamples(await settled(waitable, () => made.submit()));
    const before = { ...counts };
    await take(waitable, () => made.submit(), samples);
    const one = {
      ...counts,
      dispatches: counts.dispatches - before.dispatches,
      submits: counts.submits - before.submits,
      pipelines: counts.pipelines - pipelines,
    };
    return { firstMs, results, counts: one };
  };

  const answer = async (request: Request): Promise<Reply> => {
    switch (request.op) {
      case "prepare":
        return { prepared: await prepare(request.name) };
      case "sample": {
        const taken = noSamples(samples.expectedMs);
        for (let i = 0; i < 3 * request.count && taken.ms.length < request.count; i++)
          await take({ device: ready!.device, traits }, () => ready!.submit(), taken);
        samples.expectedMs = taken.expectedMs;
        return { ms: taken.ms };
      }
      case "release": {
        ready?.dispose();
        ready = undefined;
        return { released: true };
      }
    }
  };
  process.on("message", (request: Request) => {
    answer(request)
      .catch(
        (error: unknown): Reply => ({
          error: (error instanceof Error ? error.message : String(error)).split("\n")[0]!,
        }),
      )
      .then((reply) => process.send!(reply));
  });
  process.send!({ released: true } satisfies Reply);
}

process.on("disconnect", () => process.exit(0));
serve(process.argv[2] as EngineName).catch((error: unknown) => {
  process.send!(
    { error: error instanceof Error ? (error.stack ?? error.message) : String(error) } satisfies Reply,
    undefined,
    undefined,
    () => process.exit(1),
  );
});
