// NaN and infinities put into each parameter and behind each stage of a step in turn: what the step then gives tells of
// it, or is what it would have been.
import { watchDriver } from "../../bench/measure/driver-time.ts";
import { Device } from "../../engine/index.ts";
import { bytesPerElement } from "../../engine/dtype.ts";
import { writtenBy } from "../../engine/fuse/stage.ts";
import { writeInputs } from "../../engine/run/inputs.ts";
import type { OpenedProgram } from "../../engine/run/program.ts";
import { aside } from "../../lab/aside.ts";
import { encodeStages } from "../../lab/capture.ts";
import { UNet } from "../../models/index.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import { StepPrograms } from "../../train/step-programs.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { environment } from "../helpers/environment.ts";
import { tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";
import { costOfCheck } from "./cost-of-check.ts";
import { type Budget, type Random, type Soak, Tally, must } from "./soak.ts";

export const notFinite: Soak = {
  name: "not-finite",
  tries: "NaN and Inf in each parameter and behind each stage of a step, told by its losses and norms in the same step",
  seconds: 260,
  run: async (budget, random) => {
    const tally = new Tally();
    // Before a GPU is opened: what threads come then are the driver's.
    const driverMs = watchDriver();
    await ofRegime(
      "U-Net",
      new StudentOnly({ seed: 3, segmentor: () => new UNet({ width: 2, depth: 2 }) }),
      budget.part(0.4),
      random,
      tally,
    );
    if (budget.isShort) return tally;
    await costOfCheck(budget.part(0.3), driverMs, tally);
    await ofRegime("CMEDL", tinyCmedl(), budget, random.of(1), tally);
    return tally;
  },
};

type Values = Readonly<Record<string, ArrayLike<number>>>;

async function ofRegime(
  name: string,
  regime: Parameters<typeof StepPrograms.compile>[1],
  budget: Budget,
  random: Random,
  tally: Tally,
): Promise<void> {
  using device = await Device.open((await environment().gpu()).gpu);
  const batches = tinyBatches(1);
  const programs = await StepPrograms.compile(device, regime, batches, { epochs: 1 });
  const progress = startOfRun();
  const buffers = batches.buffers();
  batches.fill(0, 0, buffers);
  programs.prepare(progress);
  const program = programs.last;
  const stagesOf = ({ replays }: OpenedProgram): number => replays.length - 1;
  let [told, harmless, absorbed, of] = [0, 0, 0, 0];
  /** One run, in which `value` is put into the output of dispatch `at`, or before it into a storage. */
  const run = (at?: number, value = NaN): Promise<Values | undefined> =>
    aside(program, async (opened) => {
      const { parts, made, writeHost } = opened;
      const { gpu, plan } = parts;
      of = stagesOf(opened);
      const place = at === undefined ? undefined : outputOf(opened, at);
      if (at !== undefined && !place) return undefined;
      const submit = (encode: (encoder: GPUCommandEncoder) => void): void => {
        const encoder = gpu.device.createCommandEncoder();
        encode(encoder);
        gpu.submit(encoder.finish());
      };
      const end = at === undefined ? of : at + 1;
      submit((encoder) => {
        writeInputs(parts, made.places, { ...buffers }, encoder);
        writeHost();
        encodeStages(encoder, opened, 0, end);
      });
      if (place) gpu.device.queue.writeBuffer(place.buffer, place.offset, Float32Array.of(value));
      submit((encoder) => encodeStages(encoder, opened, end, of));
      const values: Record<string, ArrayLike<number>> = {};
      for (const [output, tensor] of parts.outputs) {
        const { storage, offset } = plan.placeOf(tensor);
        const start = made.places.get(storage)!;
        values[output] = new Float32Array(await gpu.readBuffer(start.buffer, start.offset + offset, tensor.bytes));
      }
      return values;
    });
  const plain = (await run())!;
  const judged = (values: Values): readonly string[] => programs.judge(values, progress).notFinite;
  const plainText = JSON.stringify(Object.entries(plain).map(([k, v]) => [k, [...Array.from(v)]]));
  must(judged(plain).length === 0, "the step is not finite by itself");
  const before = tally.tried;
  let isWhole = true;
  const goesOn = (): boolean => (isWhole &&= budget.allows(tally.tried - before));
  for (const variable of Object.values(regime.networks).flatMap((network) => network.parameters())) {
    if (!goesOn()) break;
    await tally.try(`${name}: NaN in ${variable.name}`, async () => {
      const kept = await device.read(variable);
      const harmed = Float32Array.from(kept);
      harmed[random.whole(harmed.length)] = NaN;
      device.write(variable, harmed);
      const values = (await run())!;
      device.write(variable, kept);
      must(judged(values).length > 0, "nothing told of it");
      told++;
    });
  }
  // A prime apart: a short run tries dispatches of all parts of the step.
  const first = random.whole(of);
  const order = Array.from({ length: of }, (_, i) => (i * 7919 + first) % of);
  for (const [value, at] of [NaN, Infinity].flatMap((v) => order.map((i) => [v, i] as const))) {
    if (!goesOn()) break;
    await tally.try(`${name}: ${value} behind dispatch ${at}, ${labelAt(program.opened(), at)}`, async () => {
      const values = await run(at, value);
      if (!values) {
        tally.tried--;
        return;
      }
      if (judged(values).length > 0) {
        told++;
        return;
      }
      const same = JSON.stringify(Object.entries(values).map(([k, v]) => [k, [...Array.from(v)]])) === plainText;
      if (same) harmless++;
      // A bounded function may end an infinity in a number; a NaN stays one.
      else if (value === Infinity) absorbed++;
      else must(false, "changed the step's losses or norms, and they are finite");
    });
  }
  if (!budget.isShort) tally.goal(`all of ${name}`, isWhole ? "all" : `${tally.tried - before} tries`, isWhole);
  tally.note(
    `${name}, ${of} dispatches: ${told} told, ${harmless} of no effect on losses and norms, ${absorbed} infinities absorbed`,
  );
  programs.dispose();
}

const labelAt = ({ replays }: OpenedProgram, at: number): string => replays[at]!.dispatch.label;

/**
 * Where the first float that a dispatch's stage writes is; undefined where it writes none, or is not the stage's last.
 */
function outputOf({ parts: { plan, fusion }, made }: OpenedProgram, at: number) {
  let first = 0;
  for (const { stage, dispatches } of plan.stages) {
    const last = first + dispatches.length - 1;
    first += dispatches.length;
    if (at > last) continue;
    if (at < last) return undefined;
    const t = writtenBy(stage).find(({ dtype, size }) => dtype === "f32" && size > 0);
    if (!t) return undefined;
    const residence = fusion.residences.get(t);
    const { storage, offset } = plan.placeOf(residence?.into ?? t);
    const start = made.places.get(storage);
    const element = residence ? residence.view.offset : 0;
    return start && { buffer: start.buffer, offset: start.offset + offset + element * bytesPerElement("f32") };
  }
  return undefined;
}
