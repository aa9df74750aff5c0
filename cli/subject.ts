// What kernel developers' commands look into: a training step or inference of a network by itself, or of a run.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type Feeds,
  Module,
  RandomStreams,
  type Shape,
  type Tensor,
  add,
  autocast,
  mean,
  showShape,
  sizeOf,
  square,
} from "../engine/index.ts";
import { type Asked, type Sizes, asked, askedOps, isAsked } from "../bench/cases/asked.ts";
import { Operands } from "../bench/cases/operands.ts";
import { uniform } from "../bench/measure/statistics.ts";
import type { Made, Subject } from "../lab/subject.ts";
import { segmentation } from "../losses/index.ts";
import { ZOO, segmentorRow } from "../models/zoo.ts";
import type { ZooRow } from "../models/zoo-row.ts";
import { CommandError } from "../node/errors.ts";
import { RunFolder } from "../node/run/folder.ts";
import { Adam } from "../train/adam.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { nearest } from "../train/config/check.ts";
import { makeRegime } from "../train/regimes/make.ts";

export interface SubjectOptions {
  readonly pass: "training" | "inference";
  /** Height and width of the images; a run's own if absent. */
  readonly size?: number;
  readonly batch?: number;
  /** Channels at full resolution, of a segmentor alone; its own if absent. */
  readonly width?: number;
  /** Of an op of the bench, which is then what is named. */
  readonly sizes?: Sizes;
}

/** Feeds for the shapes: noise, and masks of it where the input's name is y…. */
const feedsOf = (inputs: Readonly<Record<string, Shape>>): Feeds =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, shape], i) => {
      const values = uniform(sizeOf(shape), i + 5);
      return [name, /^y/.test(name) ? values.map((v) => Number(v > 0.4)) : values];
    }),
  );

type Row = ZooRow<ReturnType<ZooRow["atFullWidth"]>>;

function networkOf(name: string, row: Row, width: number | undefined): ReturnType<Row["atFullWidth"]> {
  const network =
    width === undefined || row.role !== "segmentor"
      ? row.atFullWidth()
      : segmentorRow(name as Parameters<typeof segmentorRow>[0]).make({ width });
  if (network instanceof Module) network.initialize(new RandomStreams(1), name);
  return network;
}

/** A network of `cmedl models` by itself. Throws CommandError where the images are too small for it. */
export function modelSubject(name: string, { pass, size = 256, batch = 2, width }: SubjectOptions): Subject {
  const row = ZOO[name] as Row;
  const smallest = row.cost?.smallest ?? 0;
  if (size < smallest)
    throw new CommandError("usage", `--size ${size}: ${name} has no output for images of less than ${smallest} pixels`);
  const shapes = Object.entries(row.inputShapes(networkOf(name, row, width), size));
  const images: Record<string, Shape> = Object.fromEntries(
    shapes.map(([key, [first = 1, ...rest]]) => [key, [first * batch, ...rest]]),
  );
  const training = pass === "training";
  // Masks that a segmentor is trained for have the images' size.
  const inputs = training && row.role === "segmentor" ? { ...images, y: [batch, size, size, 1] } : images;
  return {
    name: `${name} ${training ? "training step" : "inference"} ${Object.values(images).map(showShape).join(" ")}`,
    mode: training ? "train" : "infer",
    inputs,
    feeds: () => feedsOf(inputs),
    make(): Made {
      const network = networkOf(name, row, width);
      const forward = (given: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> => {
        const y = row.forward(network, given);
        return "shape" in y ? { y: y as Tensor } : y;
      };
      const modules = { [name]: network };
      if (!training) return { modules, compute: forward };
      const adam = new Adam(network.parameters(), { rate: 1e-4, name });
      return {
        modules,
        compute(given) {
          const outputs = forward(given);
          const loss = given.y ? segmentation(outputs.logits!, given.y) : meanSquares(Object.values(outputs));
          adam.minimize(loss);
          return { loss };
        },
      };
    },
  };
}

/** What a network without a target is trained on alone: its outputs' mean squares. */
const meanSquares = (outputs: readonly Tensor[]): Tensor =>
  outputs.map((y) => mean(square(y))).reduce((sum, term) => add(sum, term));

/** The last of a configuration's steps, which updates all, or its segmentor's inference. */
export function regimeSubject(config: TrainConfig, { pass, ...asked }: SubjectOptions): Subject {
  const { size = config.data.size, batch = config.optimization.batch } = asked;
  const shape: Shape = [batch, size, size, 1];
  const training = pass === "training";
  const names = training ? makeRegime(config).inputs : ["x"];
  const inputs = Object.fromEntries(names.map((name): [string, Shape] => [name, shape]));
  const mixed = config.optimization.precision === "mixed";
  return {
    name: `${config.regime} ${training ? "step" : "inference"} ${showShape(shape)}`,
    mode: training ? "train" : "infer",
    inputs,
    feeds: () => feedsOf(inputs),
    make() {
      const regime = makeRegime({ ...config, data: { ...config.data, size } });
      const step = regime.steps.at(-1)!;
      const modules = { "": regime };
      const compute: Made["compute"] = training
        ? (given) => step(given as Readonly<Record<string, Tensor>> & Parameters<typeof step>[0])
        : ({ x }) => ({ y: regime.segment(x!) });
      return { modules, compute: mixed ? (given) => autocast("f16", () => compute(given)) : compute };
    },
  };
}

/** Ops of the bench by themselves, on noise. */
export function opsSubject(name: string, ops: readonly Asked[]): Subject {
  const compute = (): Record<string, Tensor> =>
    Object.assign({}, ...ops.map((op) => named(op.name, new Operands(op.pass).build())));
  return { name, mode: "train", inputs: {}, make: () => ({ modules: {}, compute }), feeds: () => ({}) };
}

/**
 * An op of the bench at a shape. Throws CommandError where there is none of this name, and what its sizes make it
 * throw.
 */
export function opSubject(op: string, sizes: Sizes): Subject {
  if (!isAsked(op))
    throw new CommandError(
      "usage",
      `--shape needs an op before it, not "${op}"; ops are ${askedOps()
        .map(({ name }) => name)
        .join(", ")}`,
    );
  const found = asked(op, sizes);
  return opsSubject(found.name, [found]);
}

const named = (op: string, results: Record<string, Tensor>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(results).map(([name, t]) => [`${op}: ${name}`, t]));

/** What `cmedl models` names, a run's folder, or with sizes an op. Throws CommandError where it is none of these. */
export async function subjectOf(runOrModel: string, options: SubjectOptions): Promise<Subject> {
  if (options.sizes) return opSubject(runOrModel, options.sizes);
  if (runOrModel in ZOO) return modelSubject(runOrModel, options);
  const isRun = await stat(join(runOrModel, "config.yaml")).then(
    () => true,
    () => false,
  );
  if (isRun) return regimeSubject(await (await RunFolder.open(runOrModel)).readConfig(), options);
  const names = Object.keys(ZOO);
  const meant = nearest(runOrModel, names);
  throw new CommandError(
    "usage",
    `${runOrModel} is neither a run's folder (with config.yaml) nor a network; ${meant ? `did you mean ${meant}? ` : ""}` +
      `networks are ${names.join(", ")}${isAsked(runOrModel) ? `; the op ${runOrModel} needs --shape` : ""}`,
  );
}
