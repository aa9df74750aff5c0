// Single operations, their geometry read from their names: <op>/in/*, /out, /head, /grad/* of Σ out·head, /after/*.
import {
  type Device,
  type Tensor,
  add,
  avgPool2d,
  conv2d,
  convTranspose2d,
  grad,
  instanceNorm,
  leakyRelu,
  layerNorm,
  linear,
  maxPool2d,
  mul,
  pad,
  relu,
  reshape,
  resize,
  sigmoid,
  slice,
  softmax,
  sum,
  tanh,
} from "../../engine/index.ts";
import { BatchNorm2d } from "../../models/blocks.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { type Values, permutedTo, runOn, toNhwc } from "./stored.ts";

const OUTPUT = 1e-5;
const GRADIENT = 6e-5;

type Inputs = Record<string, Tensor>;
interface Case {
  run: (t: Inputs) => { y: Tensor; after?: Record<string, Tensor> };
  /** Axes of the stored weight that ours has in order. */
  weight?: readonly number[];
}

const RSCK = [2, 3, 1, 0];
const simple = (f: (t: Inputs) => Tensor, weight?: readonly number[]): Case => ({ run: (t) => ({ y: f(t) }), weight });
const decimals = (digits: string): number => Number(`0.${digits.slice(1)}`);

/** A batch norm whose variables are the given tensors: within the trace, assigned ones stand for its own. */
function batchNormOf({ x, w, b, running_mean, running_var }: Inputs): ReturnType<Case["run"]> {
  const bn = new BatchNorm2d(x!.shape[3]!);
  bn.weight.assign(w!);
  bn.bias.assign(b!);
  if (running_mean) bn.runningMean.assign(running_mean);
  if (running_var) bn.runningVariance.assign(running_var);
  const y = bn.forward(x!);
  return { y, after: { running_mean: bn.runningMean.value, running_var: bn.runningVariance.value } };
}

const PATTERNS: readonly (readonly [RegExp, (m: (string | undefined)[]) => Case])[] = [
  [
    /^conv(\d+)x\d+(?:_s(\d+))?(?:_(p|reflect)(\d+))?$/,
    ([, , s, mode, p]) =>
      simple(
        ({ x, w, b }) =>
          conv2d(x!, w!, {
            bias: b,
            stride: Number(s ?? 1),
            pad: Number(p ?? 0),
            padMode: mode === "reflect" ? "reflect" : "zero",
          }),
        RSCK,
      ),
  ],
  [
    /^convT(\d+)x\d+(?:_s(\d+))?(?:_p(\d+))?(?:_op(\d+))?(_crop)?$/,
    ([, , s, p, op, crop]) =>
      simple(({ x, w, b }) => {
        const y = convTranspose2d(x!, w!, {
          bias: b,
          stride: Number(s ?? 1),
          pad: Number(p ?? 0),
          outputPad: Number(op ?? 0),
        });
        return crop ? slice(y, [null, [0, 2 * x!.shape[1]!], [0, 2 * x!.shape[2]!]]) : y;
      }, RSCK),
  ],
  [/^linear$/, () => simple(({ x, w, b }) => linear(x!, w!, b), [1, 0])],
  [/^batchnorm_(train|eval)$/, () => ({ run: batchNormOf })],
  [/^instancenorm$/, () => simple(({ x }) => instanceNorm(x!))],
  [
    /^layernorm_munit$/,
    () => simple(({ x, w, b }) => add(mul(layerNorm(x!, 3), reshape(w!, [w!.size])), reshape(b!, [b!.size]))),
  ],
  [
    /^maxpool(\d+)(?:_s(\d+))?(?:_p(\d+))?$/,
    ([, k, s, p]) =>
      simple(({ x }) => maxPool2d(x!, { kernel: Number(k), stride: Number(s ?? k), pad: Number(p ?? 0) })),
  ],
  [
    /^avgpool(\d+)(?:_s(\d+))?(?:_p(\d+))?(_nopad)?$/,
    ([, k, s, p, nopad]) =>
      simple(({ x }) =>
        avgPool2d(x!, { kernel: Number(k), stride: Number(s ?? k), pad: Number(p ?? 0), countIncludePad: !nopad }),
      ),
  ],
  [
    /^bilinear(\d+)_ac([01])$/,
    ([, factor, corners]) =>
      simple(({ x }) =>
        resize(x!, [x!.shape[1]! * Number(factor), x!.shape[2]! * Number(factor)], {
          mode: "bilinear",
          alignCorners: corners === "1",
        }),
      ),
  ],
  [
    /^reflectpad(\d+)$/,
    ([, n]) =>
      simple(({ x }) =>
        pad(
          x!,
          [
            [0, 0],
            [Number(n), Number(n)],
            [Number(n), Number(n)],
            [0, 0],
          ],
          { mode: "reflect" },
        ),
      ),
  ],
  [/^leakyrelu(0\d+)$/, ([, slope]) => simple(({ x }) => leakyRelu(x!, decimals(slope!)))],
  [/^relu$/, () => simple(({ x }) => relu(x!))],
  [/^tanh$/, () => simple(({ x }) => tanh(x!))],
  [/^sigmoid$/, () => simple(({ x }) => sigmoid(x!))],
  [/^softmax_ch$/, () => simple(({ x }) => softmax(x!, -1))],
];

function caseOf(op: string): Case | undefined {
  for (const [pattern, make] of PATTERNS) {
    const m = pattern.exec(op);
    if (m) return make(m);
  }
  return undefined;
}

export async function checkOps(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  for (const op of new Set([...file.tensors.keys()].map((k) => k.slice(0, k.indexOf("/"))))) {
    const known = caseOf(op);
    if (!known) {
      c.skip(op);
      continue;
    }
    await c.attempt(op, async () => {
      const stored = under(file.tensors, `${op}/`);
      const ours = (name: string, x: Parameters<typeof toNhwc>[0]): Values =>
        name === "w" && known.weight ? permutedTo(x, known.weight) : toNhwc(x);
      const values: Record<string, Values> = { head: toNhwc(stored.get("head")!) };
      for (const [name, x] of under(stored, "in/")) values[name] = ours(name, x);
      const wanted = under(stored, "grad/");
      const after = under(stored, "after/");
      const got = await runOn(
        device,
        values,
        ({ head, ...t }: Inputs): Inputs => {
          const { y, after: moved = {} as Inputs } = known.run(t);
          const names = [...wanted.keys()];
          const gradients = grad(
            sum(mul(y, head!)),
            names.map((n) => t[n]!),
          );
          return {
            out: y,
            ...Object.fromEntries(names.map((n, i) => [`grad/${n}`, gradients[i]])),
            ...Object.fromEntries([...after.keys()].map((n) => [`after/${n}`, moved[n]])),
          };
        },
        op.endsWith("_train") ? "train" : "infer",
      );
      c.check(`${op}/out`, got.out!, toNhwc(stored.get("out")!).data, OUTPUT);
      for (const [name, x] of wanted) c.check(`${op}/grad/${name}`, got[`grad/${name}`]!, ours(name, x).data, GRADIENT);
      for (const [name, x] of after) c.check(`${op}/after/${name}`, got[`after/${name}`]!, x.data, OUTPUT);
    });
  }
}
