// Where a dry run keeps what it can't keep in memory.
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ASYNC_DISPOSE } from "../engine/index.ts";

/** Where a dry run keeps slices that are more than may be in memory; what is there goes with it. */
export class ScratchFolder {
  /** Is made by who writes there. */
  readonly path = join(tmpdir(), `cmedl-dry-run-${randomUUID()}`);

  [ASYNC_DISPOSE](): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}
