// The page in which the isomorphic tests run: gives them the page's GPU and its files, shows every line, and tells
// the runner (tools/test-browser.mjs), where one listens. Opened by hand it works in any browser with WebGPU.
import { setEnvironment } from "../helpers/environment.ts";
import { recordOf, type RecordedBits } from "../helpers/records.ts";
import { closing, type Outcome, runFilesQuietly } from "../run.ts";

/** What the page tells its runner. */
export type Message =
  | { line: string }
  | { record: RecordedBits }
  | { adapter: string }
  | { unusable: string }
  | { done: Outcome };

declare global {
  /** Set by the runner. */
  var tellRunner: ((message: Message) => Promise<void>) | undefined;
}

/** Runs the files; the last message is `done` or `unusable`. */
export async function runInPage(files: Parameters<typeof runFilesQuietly>[0]): Promise<void> {
  // Messages are numbered by their order here: awaiting the last means that all have arrived.
  let told: Promise<unknown> = Promise.resolve();
  const tell = (message: Message): void => {
    told = told.then(() => globalThis.tellRunner?.(message));
  };
  const show = (line: string): void => {
    document.getElementById("log")!.append(`${line}\n`);
    tell({ line });
  };
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    tell({
      unusable: navigator.gpu
        ? "the browser has WebGPU but gives no adapter"
        : "the browser has no WebGPU (navigator.gpu is missing)",
    });
    document.getElementById("log")!.append("no WebGPU\n");
    return;
  }
  const { vendor, architecture, device, description } = adapter.info;
  tell({ adapter: description || [vendor, architecture, device].filter(Boolean).join(" ") });
  setEnvironment({
    where: "browser",
    gpu: async () => ({ gpu: navigator.gpu, adapter }),
    async readFile(path) {
      const response = await fetch(`/${path}`);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
      return new Uint8Array(await response.arrayBuffer());
    },
    record: (name, data) => tell({ record: recordOf(name, data) }),
  });
  const outcome = await runFilesQuietly(files, show);
  document.getElementById("log")!.append(closing(outcome));
  tell({ done: outcome });
}
