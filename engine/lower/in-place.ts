// Ops that overwrite their inputs: they may where nothing needs the old value later; elsewhere a copy comes before.
import type { Node, Tensor } from "../tensor.ts";
import { type Variable, variableOf } from "../variable.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { isScratch, memoryOf } from "../fuse/memory.ts";
import type { LoweredStage, Lowerer } from "./lower.ts";

export interface Assignment {
  readonly variable: Variable;
  readonly value: Tensor;
}

/** What is needed after the last stage: outputs, and the values that variables get. */
export interface Ends {
  readonly outputs: readonly Tensor[];
  readonly assignments: readonly Assignment[];
}

export interface InPlace {
  readonly stages: readonly LoweredStage[];
  /** For each result that overwrites an input the stored tensor whose memory it takes over. */
  readonly overwrites: ReadonlyMap<Tensor, Tensor>;
}

export function overwriteInPlace(lowered: readonly LoweredStage[], ends: Ends, lowerer: Lowerer): InPlace {
  return new Overwriter(lowered, ends, lowerer).run();
}

class Overwriter {
  readonly #overwrites = new Map<Tensor, Tensor>();
  /** The last stage that reads a stored tensor, or one that stands in it. */
  readonly #lastRead = new Map<Tensor, number>();
  readonly #kept: ReadonlySet<Tensor>;
  readonly #finals: ReadonlyMap<Variable, Tensor>;

  constructor(
    readonly lowered: readonly LoweredStage[],
    { outputs, assignments }: Ends,
    readonly lowerer: Lowerer,
  ) {
    lowered.forEach(({ dispatches }, s) => {
      for (const { memory, access } of dispatches.flatMap((d) => d.memory))
        if (access === "read" && !isScratch(memory.content)) this.#lastRead.set(this.#ownerOf(memory.content), s);
    });
    this.#kept = new Set(outputs.map((t) => this.#stored(t).base));
    this.#finals = new Map(assignments.map(({ variable, value }) => [variable, this.#stored(value).base]));
  }

  run(): InPlace {
    return { stages: this.lowered.map((l, s) => this.#stage(l, s)), overwrites: this.#overwrites };
  }

  #stage(lowered: LoweredStage, s: number): LoweredStage {
    const { stage, dispatches } = lowered;
    if (stage.kind !== "kernel" || !stage.node.op.inPlace) return lowered;
    const copies: Dispatch[] = [];
    for (const { x, y } of pairsOf(stage.node)) {
      const { base, offset } = this.#stored(x);
      if (offset === 0 && base.size === y.size && this.#isFree(base, y, s)) this.#overwrites.set(y, base);
      else copies.push(...this.lowerer.copy(x, y));
    }
    return { stage, dispatches: [...copies, ...dispatches] };
  }

  /** Whether nothing behind stage `s` needs the old value of `base` once `y` is written over it. */
  #isFree(base: Tensor, y: Tensor, s: number): boolean {
    if ((this.#lastRead.get(base) ?? -1) > s || this.#kept.has(base)) return false;
    const variable = variableOf(base);
    if (variable) return this.#finals.get(variable) === y;
    return base.node.op.kind !== "source" && !this.lowerer.fusion.residences.has(base);
  }

  #ownerOf(t: Tensor): Tensor {
    return this.lowerer.fusion.residences.get(t)?.into ?? t;
  }

  #stored(t: Tensor): { base: Tensor; offset: number } {
    const { content, offset } = memoryOf(t, this.lowerer.fusion.stored);
    if (isScratch(content)) throw new Error(`internal: ${t} is scratch`);
    return { base: content, offset };
  }
}

/** The inputs that an op overwrites, and by which of its outputs. */
const pairsOf = ({ op, inputs, outputs }: Node): { x: Tensor; y: Tensor }[] =>
  Object.entries(op.inPlace ?? {}).map(([o, i]) => ({ x: inputs[i]!, y: outputs[Number(o)]! }));
