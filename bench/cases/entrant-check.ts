// Whether entrants are right: every element, at small shapes and at the one that was asked for.
import { type Device, type Shape, type Tensor, Variable, add, relu } from "../../engine/index.ts";
import type { Asked } from "./asked.ts";
import { LARGEST_ERROR } from "./case.ts";
import { type Choice, UnfitError, byChoice } from "../../lab/choice.ts";
import type { Entrant } from "./entrant.ts";
import { Operands, type Pass } from "./operands.ts";
import { compareElements, spotsOf } from "./spots.ts";
import { type Wrong, place, termLines, wrongLine } from "./wrong.ts";
import { uniform } from "../measure/statistics.ts";

/** How far off the largest error is and where, in words; and what is wrong, with the terms of its formula. */
export interface Checked {
  readonly checked: string;
  readonly off: number;
  readonly wrong?: readonly string[];
}

/** What was computed once for all entrants. */
export class Check {
  readonly #wants = new Map<string, Record<string, Float64Array>>();
  #first: Record<string, ArrayLike<number>> | undefined;

  constructor(
    readonly device: Device,
    readonly asked: Asked,
    readonly operands: Operands,
  ) {}

  /**
   * Every element at small shapes against f64 loops, a text of one's own with more ops fused into it, too; then at the
   * shape that was asked for, where f64 loops take a second at most, else against the first entrant, and spots in f64.
   */
  async of(entrant: Entrant): Promise<Checked> {
    const { small } = this.asked;
    let most: Checked | undefined;
    for (const { name, pass } of small) {
      for (const isFused of entrant.choice.variant && name === small.at(-1)!.name ? [false, true] : [false]) {
        const found = await this.#smallOne(name, pass, isFused, entrant.choice).catch((error: unknown) => {
          if (error instanceof UnfitError) return undefined;
          throw error;
        });
        if (found?.wrong) return found;
        if (found && (!most || found.off > most.off)) most = found;
      }
    }
    const whole = await this.#whole(entrant);
    return whole.wrong || !most || whole.off > most.off ? whole : most;
  }

  /** What a text of one's own is checked in: the op as it was asked for, and with more ops fused into it. */
  buildsOf(choice: Choice): (() => Record<string, Tensor>)[] {
    const whole = () => byChoice(this.operands.build(), choice);
    return [whole, () => fused(whole())];
  }

  async #smallOne(size: string, pass: Pass, isFused: boolean, choice: Choice): Promise<Checked> {
    const operands = new Operands(pass);
    const shapes = new Map<string, Shape>();
    const build = (): Record<string, Tensor> => {
      const results = byChoice(operands.build(), choice);
      for (const [name, t] of Object.entries(results)) shapes.set(name, t.shape);
      return isFused ? fused(results) : results;
    };
    using program = await this.device.compile(build, {}, { mode: "train", name: `${pass.name} ${size}` });
    program.run();
    const got = await program.read();
    const wants = this.#wantsOf(size, operands, shapes);
    const what = `${size}${isFused ? " with a bias and a rectifier fused" : ""}`;
    return compared(got, shapes, what, operands, (name, i) => {
      const v = wants[name]![i]!;
      return isFused ? fusedValue(v, i, shapes.get(name)!) : v;
    });
  }

  #wantsOf(size: string, operands: Operands, shapes: ReadonlyMap<string, Shape>): Record<string, Float64Array> {
    const known = this.#wants.get(size);
    if (known) return known;
    const spots = operands.pass.spots(operands.data);
    const made = Object.fromEntries(
      [...shapes].map(([name, shape]) => [
        name,
        Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => spots[name]!(i)),
      ]),
    );
    this.#wants.set(size, made);
    return made;
  }

  async #whole(entrant: Entrant): Promise<Checked> {
    const { operands, device } = this;
    const { pass } = operands;
    const shapes = new Map<string, Shape>();
    const build = (): Record<string, Tensor> => {
      const results = byChoice(operands.build(), entrant.choice);
      for (const [name, t] of Object.entries(results)) shapes.set(name, t.shape);
      return results;
    };
    using program = await device.compile(build, {}, { mode: "train", name: pass.name });
    program.run();
    const got = await program.read();
    const [size] = this.asked.name.split(" ").slice(1);
    if (pass.flops <= MOST_FLOPS) {
      const wants = this.#wantsOf(this.asked.name, operands, shapes);
      return compared(got, shapes, size!, operands, (name, i) => wants[name]![i]!);
    }
    const spots = pass.spots(operands.data);
    const some = compared(got, shapes, `${size}, spots`, operands, (name, i) => spots[name]!(i), spotsOf);
    const first = this.#first;
    this.#first ??= got;
    if (some.wrong || !first) return some;
    return compared(got, shapes, `${size}, against the first of the list`, operands, (name, i) => first[name]![i]!);
  }
}

/** About a second of f64 loops. */
const MOST_FLOPS = 1e8;

/** What `fused` makes of element i of a result. */
function fusedValue(v: number, i: number, shape: Shape): number {
  const channels = shape.at(-1);
  return channels === undefined ? v : Math.max(0, v + biasOf(shape)[i % channels]!);
}
const biasOf = (shape: Shape): Float32Array => uniform(shape.at(-1) ?? 1, 11);

/** max(result + bias, 0) of each: what an epilogue computes, with a binding of its own. */
function fused(results: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(results).map(([name, t]) => {
      const channels = t.shape.at(-1);
      if (channels === undefined) return [name, t];
      const bias = new Variable([channels], biasOf(t.shape), { trainable: false, name: `bias of ${name}` });
      return [name, relu(add(t, bias.value))];
    }),
  );
}

/** All elements, or those that `at` names, of each result against what they should be. */
function compared(
  got: Readonly<Record<string, ArrayLike<number>>>,
  shapes: ReadonlyMap<string, Shape>,
  what: string,
  operands: Operands,
  want: (name: string, i: number) => number,
  at?: (size: number) => number[],
): Checked {
  let most = { off: -1, where: "" };
  for (const [name, shape] of shapes) {
    const values = got[name]!;
    const found = compareElements(values, (i) => want(name, i), LARGEST_ERROR, at?.(values.length));
    const where = place(name, shape, found.at);
    if (found.wrong) {
      const wrong: Wrong = { result: name, shape, ...found.wrong };
      const line = `at ${what}: ${wrongLine(wrong)}`;
      return { checked: line, off: found.off, wrong: [line, ...explained(wrong, operands)] };
    }
    if (found.off > most.off) most = { off: found.off, where };
  }
  const { off, where } = most;
  return { off, checked: `off by ${off.toExponential(1)} of the largest at most: ${where} at ${what}` };
}

function explained(wrong: Wrong, { pass, data }: Operands): string[] {
  const products = pass.products?.[wrong.result];
  if (!products) return [];
  return termLines(wrong, products, data(products.a.name, products.a.shape), data(products.b.name, products.b.shape));
}
