// What became of each image of a folder, a line each, beside the masks: which were segmented, by what, and which
// failed.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import type { Prediction } from "../../train/volumes/prediction.ts";
import { fileError, makeFolder } from "../files.ts";
import type { Shard } from "./shard.ts";

/** What became of an image. */
export type PredictionRecord = { readonly image: string; readonly time: string } & (
  | {
      readonly mask: string;
      readonly model: string;
      readonly seconds: number;
      readonly structures: Prediction["structures"];
    }
  | { readonly failed: string }
);

export class PredictionManifest {
  readonly file: string;

  /** Of the masks in a folder, or of a part of them: each part has a file of its own, so that parts may run at once. */
  constructor(
    readonly folder: string,
    shard?: Shard,
  ) {
    const part = shard ? `-${shard.index}-of-${shard.count}` : "";
    this.file = join(folder, `predictions${part}.jsonl`);
  }

  /** Throws FileError. */
  async add(record: PredictionRecord): Promise<void> {
    try {
      await makeFolder(this.folder);
      await appendFile(this.file, `${JSON.stringify(record)}\n`);
    } catch (cause) {
      throw fileError(this.file, cause);
    }
  }
}
