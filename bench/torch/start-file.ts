// What another engine begins with, as a file: a line of JSON that tells shapes, then all numbers as f32.
import { open } from "node:fs/promises";
import { type Feeds, Parameter, type Shape } from "../../engine/index.ts";
import type { Start } from "../cases/case.ts";

const bytesOf = (values: ArrayLike<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** Parameters in the order of the networks' fields, RSCK; feeds by name, NHWC. serve.py reads it. */
export async function writeStart(file: string, { modules, inputs }: Start, feeds: Feeds): Promise<void> {
  const parameters = modules.flatMap((m) => [...m.variables().values()].filter((v) => v instanceof Parameter));
  const weights: Shape[] = parameters.map(({ shape }) => shape);
  const whole = await open(file, "w");
  try {
    await whole.appendFile(`${JSON.stringify({ weights, inputs })}\n`);
    for (const parameter of parameters) await whole.appendFile(bytesOf(parameter.initialData()));
    for (const name of Object.keys(inputs)) await whole.appendFile(bytesOf(feeds[name] as ArrayLike<number>));
  } finally {
    await whole.close();
  }
}
