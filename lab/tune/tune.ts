// What is fastest on this adapter for the problems of a program: which kernel of an op's list, at which values of its
// tunables.
import { type Tuned, choiceKey } from "../../engine/gpu/tuned.ts";
import { requireTimestamps } from "../../engine/gpu/profiler.ts";
import type { Fusion } from "../../engine/fuse/stage.ts";
import { finish } from "../../engine/pace.ts";
import { compile } from "../../engine/run/compilation.ts";
import type { Device } from "../../engine/run/device.ts";
import type { Program } from "../../engine/run/program.ts";
import type { Node } from "../../engine/tensor.ts";
import type { Subject } from "../subject.ts";
import type { Choice } from "../choice.ts";
import { Problem, withCandidate } from "./problem.ts";
import {
  type Candidate,
  type Found,
  type Measure,
  type SearchOptions,
  type Strategy,
  drawsOf,
  search,
} from "./search.ts";

export interface TuneOptions {
  /** What was found before: it is not timed again. */
  readonly known?: Tuned;
  /** How candidates are gone through. Default "greedy". */
  readonly strategy?: Strategy;
  /** Candidates of a problem that "random" draws, 8, and from which seed, 0. */
  readonly trials?: number;
  readonly seed?: number;
  /** Only problems whose op or one of whose kernels has this in its name. */
  readonly only?: string;
  /** Hears of the op of each problem that was asked for and is known. */
  readonly onKnown?: (op: string) => void;
  /** Hears of each problem as it was timed, and is waited for: what it keeps outlives an interrupt. */
  readonly onFound?: (found: TunedProblem) => void | Promise<void>;
  /**
   * Milliseconds that a software adapter's driver has computed: its clock where others share the machine. GPU
   * timestamps are otherwise needed.
   */
  readonly driverMs?: () => number;
  /** Hears of every median, in µs. */
  readonly onTime?: (problem: string, candidate: Candidate, us: number) => void;
}

export interface TunedProblem extends Found {
  /** Op and shapes, in words. */
  readonly label: string;
  readonly candidates: readonly Candidate[];
  /** What `tunedBy` takes of it. */
  readonly tuned: Tuned;
}

/**
 * Races the kernels of each problem and shape class of a program, alone and on noise: Winograd's way wherever it can do
 * the problem, and each at values of its tunables. What is fused into a kernel is not timed with it. Gives what
 * `tunedBy` takes, `known` included. Throws UsageError without a clock and on a program that was disposed, and what
 * `onFound` throws.
 */
export async function tune(device: Device, program: Program, options: TuneOptions = {}): Promise<Tuned> {
  return tuneStages(device, program.opened().parts.fusion, options);
}

/** `tune` for what a subject would be compiled to: it is planned, and nothing of it is made. */
export async function tuneSubject(device: Device, subject: Subject, options: TuneOptions = {}): Promise<Tuned> {
  const { name, mode, inputs, make } = subject;
  const { fusion } = finish(compile(make().compute, inputs, { mode, name }, device.gpu.traits, device.gpu));
  return tuneStages(device, fusion, options);
}

async function tuneStages(device: Device, { stages }: Fusion, options: TuneOptions): Promise<Tuned> {
  if (!options.driverMs) requireTimestamps(device.gpu);
  const tuner = new Tuner(device, options);
  for (const stage of stages) if (stage.kind === "kernel") await tuner.race(stage.node);
  return tuner.found;
}

class Tuner {
  readonly found: Record<string, Tuned[string]>;
  readonly #how: SearchOptions;

  constructor(
    readonly device: Device,
    readonly options: TuneOptions,
  ) {
    const { known = {}, strategy = "greedy", trials = 8, seed = 0 } = options;
    this.found = { ...known };
    this.#how = { strategy, trials, random: drawsOf(seed) };
  }

  /** Races the kernels of a node's problem, list by list: those of the products of Winograd's way once it has won. */
  async race(node: Node): Promise<void> {
    using problem = await Problem.open(this.device, node, this.options.driverMs);
    let choice: Choice = {};
    for (let list = 0; ; list++) {
      const offer = problem.offers(choice)[list];
      if (!offer) return;
      const key = choiceKey(this.device.gpu, offer.all, offer.params);
      const names = [offer.op, ...offer.fitting.map(({ name }) => name)];
      if (!this.#isAsked(names)) continue;
      if (key in this.found) {
        this.options.onKnown?.(offer.op);
        continue;
      }
      const candidates = problem.candidatesOf(offer);
      const label = list === 0 ? problem.label : `${problem.label}: ${offer.chosen.name}`;
      const found = await search(candidates, this.#told(label, problem.measureOf(choice)), this.#how);
      if (!found) continue;
      const { best } = found;
      choice = withCandidate(choice, best);
      const values = await problem.tuningKey(choice, best);
      const tuned = { [key]: best.kernel, ...(values && { [values]: best.consts }) };
      await this.#keep({ ...found, label, candidates, tuned });
    }
  }

  #isAsked(names: readonly string[]): boolean {
    const { only } = this.options;
    return only === undefined || names.some((name) => name.includes(only));
  }

  #told(label: string, measure: Measure): Measure {
    const { onTime } = this.options;
    if (!onTime) return measure;
    return async (candidates, isLast) => {
      const times = await measure(candidates, isLast);
      for (const [i, { us }] of times.entries()) onTime(label, candidates[i]!, us);
      return times;
    };
  }

  async #keep(problem: TunedProblem): Promise<void> {
    Object.assign(this.found, problem.tuned);
    await this.options.onFound?.(problem);
  }
}
