// What a new run trains on, in words.
import { passedOverText } from "../data/layouts/passed-over.ts";
import type { RunPlan } from "../node/run/plan.ts";
import type { RunSets } from "../node/run/sets.ts";
import type { Regime } from "../train/regime.ts";
import { featuresOf } from "../train/regimes/make.ts";

/** One line each for the student, the teacher, and the contextual loss. */
export function planText({ config, sources, splitBy }: RunPlan, sets: RunSets, regime: Regime): string[] {
  const { cases, seed } = config;
  const count = (ids: readonly string[], set: RunSets["student"]): string =>
    `${ids.length} cases (${set.count} slices)`;
  const lines = [
    `student: ${sources.student.layout}, ${count(cases.studentTrain, sets.student)} train, ` +
      `${count(cases.studentVal, sets.validation)} validate; ${splitBy}`,
  ];
  if (sources.teacher && sets.teacher) {
    const masks = regime.inputs.includes("yM") ? "" : "; no masks are read";
    lines.push(`teacher: ${sources.teacher.layout}, ${count(cases.teacherTrain, sets.teacher)}${masks}`);
  }
  for (const source of [sources.student, sources.teacher])
    if (source && source.passedOver.length > 0)
      lines.push(`warning: ${source.name}: ${passedOverText(source.passedOver)}`);
  const { file, layers, taps } = config.networks.features;
  if (featuresOf(regime)) {
    const weights =
      file === null
        ? `with random weights from seed ${seed} (no --vgg FILE was given)`
        : `weights of ${file}, layers ${taps.join(", ")}`;
    lines.push(`contextual loss: VGG${layers} ${weights}`);
  }
  return lines;
}
