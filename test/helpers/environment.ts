// What a test may ask of where it runs: Node with Dawn, or a page. Set by helpers/node.ts or by the page before a
// test runs.
import type { Traits } from "../../kernels/kernel.ts";

export interface Environment {
  readonly where: "node" | "browser";
  /** What devices believe of the adapter instead of what it says. */
  readonly traits?: Partial<Traits>;
  /** A GPU to open devices on, and its adapter. */
  gpu(): Promise<{ gpu: GPU; adapter: GPUAdapter }>;
  /** Bytes of a file below the repository's root; a page gets those below test/ only. */
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Hands values over for comparison: `npm run test:browser` wants a page's bits equal to Node's. One name once a
   * file.
   */
  record?(name: string, data: ArrayBufferView): void;
}

let current: Environment | undefined;
export function setEnvironment(e: Environment): void {
  current = e;
}

export function environment(): Environment {
  if (!current) throw new Error("no test environment is set");
  return current;
}
