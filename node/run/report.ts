// report.html of a run, from what its folder holds.
import { readFile, readdir } from "node:fs/promises";
import { basename, extname, join, parse, resolve } from "node:path";
import { type EpochRecord, type RunRecord, type StepRecord, runPage } from "../../report/page/run-page.ts";
import type { PictureType } from "../../report/markup.ts";
import type { PagePicture } from "../../report/page/page.ts";
import { writeAtomic } from "../files.ts";
import { plotDocument } from "../../report/page/plot-document.ts";
import { readFeatureClusters, readFeatureMaps } from "./features.ts";
import type { RunFolder } from "./folder.ts";
import { readTests } from "./tests.ts";

/** The text of the run's report. Throws FileError where the run cannot be read. */
async function runReport(run: RunFolder, status: string | undefined): Promise<string> {
  return runPage(await recordOf(run, status), await plotDocument());
}

/** Writes the run's report; its path. The status is that of STATUS, unless it is given. Throws FileError. */
export async function writeReport(run: RunFolder, file = run.reportFile, status?: string): Promise<string> {
  const page = await runReport(run, status);
  await (file === run.reportFile ? run.write(file, page) : writeAtomic(file, page));
  return file;
}

async function recordOf(run: RunFolder, status: string | undefined): Promise<RunRecord> {
  const events = await run.events();
  const of = <T>(event: string): T[] => events.filter((e) => e.event === event) as unknown as T[];
  const epochs = of<EpochRecord>("epoch");
  const text = (file: string): Promise<string> => readFile(join(run.path, file), "utf8").catch(() => "");
  return {
    name: basename(resolve(run.path)),
    status: status ?? ((await text("STATUS")).split("\n")[0] || "starting"),
    signs: of("sign"),
    epochs,
    steps: of<StepRecord>("step"),
    pictures: await picturesOf(run, epochs),
    tests: await readTests(run),
    featureMaps: await readFeatureMaps(run),
    featureClusters: await readFeatureClusters(run),
    config: await text("config.yaml"),
    starts: startsOf(await text("environment.json")),
  };
}

/** What a picture's file holds, by how its name ends; earlier versions wrote PNG. */
const PICTURE_TYPES: Readonly<Record<string, PictureType>> = { ".svg": "image/svg+xml", ".png": "image/png" };

/** The pictures of the epoch that is kept and of the last one. */
async function picturesOf(run: RunFolder, epochs: readonly EpochRecord[]): Promise<PagePicture[]> {
  const folder = join(run.path, "pictures");
  const names = await readdir(folder).catch(() => [] as string[]);
  const byEpoch = (a: string, b: string): number => a.localeCompare(b, "en", { numeric: true });
  const files = names.filter((name) => extname(name) in PICTURE_TYPES).sort(byEpoch);
  const best = epochs.filter((e) => e.best).at(-1);
  const nameOfBest = best && parse(run.picturePath(best.epoch - 1)).name;
  const chosen = [
    { file: files.find((file) => parse(file).name === nameOfBest), title: `The epoch that is kept: ${best?.epoch}` },
    { file: files.at(-1), title: "The last epoch" },
  ];
  const found: PagePicture[] = [];
  for (const { file, title } of chosen.filter((c, i) => i === chosen.findIndex((d) => d.file === c.file)))
    if (file !== undefined)
      found.push({ title, type: PICTURE_TYPES[extname(file)]!, bytes: await readFile(join(folder, file)) });
  return found;
}

function startsOf(text: string): RunRecord["starts"] {
  try {
    const starts: unknown = JSON.parse(text);
    return Array.isArray(starts) ? starts : [];
  } catch {
    return [];
  }
}
