// The test environment in Node. CMEDL_TRAITS=gpu (or cpu) makes devices choose kernels as on a GPU, on whatever
// adapter there is.
import { readFile } from "node:fs/promises";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { setEnvironment } from "./environment.ts";
import { type RecordedBits, recordOf } from "./records.ts";

/** What the tests of this process recorded. */
export const records: RecordedBits[] = [];

let opened: ReturnType<typeof openNodeGpu> | undefined;
/** Makes Node the environment of the tests; called where this module is imported for nothing else. */
export const testInNode = (): void =>
  setEnvironment({
    where: "node",
    traits: process.env.CMEDL_TRAITS ? { cpu: process.env.CMEDL_TRAITS === "cpu" } : {},
    gpu: () => (opened ??= openNodeGpu({ quiet: true })),
    readFile: async (path) => new Uint8Array(await readFile(path)),
    record: (name, data) => void records.push(recordOf(name, data)),
  });
