// The model card: a trained model described for people, as Markdown.
import { printable } from "../data/errors.ts";
import { type IntensityRule, topOf } from "../data/intensity.ts";
import { segmentorRow } from "../models/zoo.ts";
import type { Progress } from "./checkpoint.ts";
import type { TrainConfig } from "./config/config.ts";
import { regimeRow } from "./regimes/registry.ts";
import { makeRegime } from "./regimes/make.ts";
import type { RunStatistics, SliceCounts } from "./statistics.ts";
import { imagesOf } from "./volumes/volume-segmenter.ts";

export interface CardFacts {
  /** Of the run, whole. */
  readonly config: TrainConfig;
  readonly statistics?: RunStatistics | undefined;
  /** Of cmedl. */
  readonly version: string;
  /** Under which the weights may be used. Default "not stated". */
  readonly licence?: string | undefined;
}

/**
 * The card of a model whose weights are those of a run at `progress`; `networks` are the names of those that it holds.
 */
export function cardOf(
  { config, statistics, version, licence = "not stated" }: CardFacts,
  progress: Progress,
  networks: readonly string[],
): string {
  const { data, regime } = config;
  const readsTeacher = makeRegime(config).inputs.includes("xM");
  const rows: [string, string][] = [
    ["regime", `${regime}: ${regimeRow(regime).says}`],
    ["networks", networks.join(", ")],
    ["segmentor", segmentorText(config)],
    ["image size", `${data.size} × ${data.size} pixels`],
    ["field", `${shown(data.fieldMm!)} × ${shown(data.fieldMm!)} mm, pixels of ${shown(data.fieldMm! / data.size)} mm`],
    ["values of the images", ruleText(data.studentIntensity)],
    ...(readsTeacher ? [["values of the teacher's images", ruleText(data.teacherIntensity)] as [string, string]] : []),
    [
      "structures",
      imagesOf(config)
        .labels.map(({ value, name }) => `${value} ${name}`)
        .join(", "),
    ],
    ...trainingRows(config, statistics, readsTeacher),
    ["validation", validationText(config, progress)],
    ["weights", weightsText(config, progress)],
    ["made by", `cmedl ${version}`],
    ["licence", licence],
  ];
  const lines = rows.map(([name, value]) => `| ${name} | ${cell(value)} |`);
  return `# ${regime}, a model of cmedl\n\nNot for diagnostic use.\n\n| | |\n|---|---|\n${lines.join("\n")}\n`;
}

function segmentorText({ networks: { segmentor } }: TrainConfig): string {
  const { kind, width } = segmentor;
  const row = segmentorRow(kind);
  return `${kind} (${row.figure}), ${width ?? row.width} channels at full resolution`;
}

function trainingRows(
  { cases }: TrainConfig,
  statistics: RunStatistics | undefined,
  readsTeacher: boolean,
): [string, string][] {
  const amount = (ids: readonly string[], counts: SliceCounts | undefined): string =>
    [`${ids.length} cases`, ...(counts ? [countsText(counts)] : [])].join(", ");
  return [
    ["training images", amount(cases.studentTrain, statistics?.slices?.student)],
    ...(readsTeacher
      ? [
          ["training images of the teacher", amount(cases.teacherTrain, statistics?.slices?.teacher)] as [
            string,
            string,
          ],
        ]
      : []),
    ["validation images", `${cases.studentVal.length} cases`],
  ];
}

/** "120 slices, of whose pixels 1.2 % are foreground". */
function countsText({ count, size, foreground }: SliceCounts): string {
  const pixels = foreground.reduce((a, b) => a + b, 0);
  const share = count === 0 ? 0 : (100 * pixels) / (count * size ** 2);
  return `${count} slices, of whose pixels ${Number(share.toPrecision(2))} % are foreground`;
}

function validationText({ cases }: TrainConfig, { best }: Progress): string {
  if (!best) return "none";
  return `Dice ${best.dice.toFixed(3)} at the lowest loss, after epoch ${best.epoch + 1}, on ${cases.studentVal.length} cases`;
}

function weightsText({ optimization: { ema } }: TrainConfig, { epoch, step, steps, best }: Progress): string {
  const isBest = best !== null && step === 0 && best.epoch === epoch - 1;
  const which = isBest ? "of that epoch" : "the last ones";
  return `${which}, after ${steps} steps${ema === null ? "" : `; a moving average (${ema})`}`;
}

function ruleText(rule: IntensityRule): string {
  if (rule.kind === "window") return `window ${rule.low} … ${rule.high}, in the image's unit`;
  if (rule.kind === "percentile") return `up to the ${rule.percentile} percentile of each volume`;
  return `histogram on a standard scale, ${rule.low} … ${topOf(rule)}`;
}

/** At most four digits behind the point. */
const shown = (value: number): string => String(Number(value.toFixed(4)));

/** Text as a cell of a table holds it. */
const cell = (text: string): string => printable(text).replace(/[\\|<>`]/g, "\\$&");
