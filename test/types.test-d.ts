// The public surface as types: checked by `npm run typecheck`, never run.
import {
  type CallerBuffer,
  type Device,
  type Feeds,
  Module,
  Parameter,
  type Program,
  type Tensor,
  type TypedArray,
  type Values,
  Variable,
  mean,
  normalInit,
  sub,
} from "cmedl";
import type { dice } from "cmedl/losses";
import type { Segmentation, Segmentor, UNet } from "cmedl/models";
import { Adam, type Batch, type Losses, type Step } from "cmedl/train";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Fails to compile unless the types are one. */
const same = <A, B>(_: Equal<A, B>): void => {};
const of = <T>(): T => undefined as T;

export async function compileGivesProgramsOfItsNames(device: Device): Promise<void> {
  const program = await device.compile(({ x, t }) => ({ loss: mean(sub(x, t)), y: x }), { x: [2, 3], t: [2, 3] });
  same<typeof program, Program<"loss" | "y">>(true);
  const values = await program.read();
  same<keyof typeof values, "loss" | "y">(true);
  same<typeof values.loss, TypedArray>(true);
  // @ts-expect-error: no such output
  values.los;
  // @ts-expect-error: no such input
  await device.compile(({ y }) => ({ y }), { x: [1] });
  // @ts-expect-error: outputs are tensors
  await device.compile(({ x }) => ({ x: [x] }), { x: [1] });
  program.run({ x: new Float32Array(6), t: [1, 2, 3, 4, 5, 6] });
  // @ts-expect-error: an input is numbers
  program.run({ x: "1" });
}

export async function evaluateGivesArrays(device: Device, t: Tensor): Promise<void> {
  same<Awaited<ReturnType<typeof device.read>>, TypedArray>(true);
  const one = await device.evaluate(t);
  same<typeof one, TypedArray>(true);
  const many = await device.evaluate({ a: t, b: t });
  same<typeof many, Values<"a" | "b">>(true);
}

same<Feeds, Readonly<Record<string, ArrayLike<number> | CallerBuffer>>>(true);
same<Variable["value"], Tensor>(true);
same<Parameters<Variable["assign"]>, [t: Tensor]>(true);
same<ReturnType<typeof dice>, Tensor>(true);
same<ReturnType<UNet["forward"]>, Segmentation>(true);
same<Step, (batch: Batch) => Losses>(true);
export const segmentor: Segmentor = of<UNet>();

export class Scale extends Module {
  readonly factor = new Parameter([1], normalInit(1));
}
new Adam(new Scale().parameters(), { rate: 1e-3 });
// @ts-expect-error: an optimizer needs a rate
new Adam(new Scale().parameters(), {});
// @ts-expect-error: a variable needs initial values
new Variable([2, 2]);
