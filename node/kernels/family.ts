// The texts of a new family of kernels: a naive kernel that works, its declaration, its op, reference, test and bench
// row, to be changed into what is wanted.

const camel = (name: string): string => name.replace(/-(\w)/g, (_, c: string) => c.toUpperCase());
const pascal = (name: string): string => camel(`-${name}`);

/** Files of a family by their paths in a clone. */
export function familyFiles(name: string): Record<string, string> {
  const own = camel(name);
  const problem = `${pascal(name)}Problem`;
  return {
    [`kernels/${name}/${name}-direct.wgsl`]: `// y[n,h,w,c] = x[n,h,w,c]²: write your formula here. One invocation makes one element.
// Layouts: x, y NHWC. Needs: nothing.
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { n : u32, h : u32, w : u32, c : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  let c = i % params.c;
  let w = i / params.c % params.w;
  let h = i / (params.c * params.w) % params.h;
  let n = i / (params.c * params.w * params.h);
  if (n >= params.n) { return; }
  let v = x[((n * params.h + h) * params.w + w) * params.c + c];
  y[i] = epilogue(v * v, i);
}
`,
    [`kernels/${name}/${name}.ts`]: `// y = ${own}(x) of images.
import { defineKernel } from "../kernel.ts";
import direct from "./${name}-direct.wgsl";

/** x, y [n, h, w, c]. */
export type ${problem} = {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
};

const elements = ({ n, h, w, c }: ${problem}): number => n * h * w * c;
/** The least work there is: an operation an element, x and y once. */
const cost = (p: ${problem}) => ({ flops: elements(p), bytes: 8 * elements(p) });

export const ${own}Direct = defineKernel<${problem}>("${name}-direct", {
  source: direct,
  threads: elements,
  cost,
});

/** In order of preference; the last takes any problem. */
export const ${own}Kernels = [${own}Direct];
`,
    [`bench/reference/${name}.ts`]: `// ${own} by its definition, in f64: for the test, and for the check before the bench.
import type { ${problem} } from "../../kernels/${name}/${name}.ts";

/** Element i of y[n,h,w,c] = x[n,h,w,c]². */
export function ${own}({ h, w, c }: ${problem}, x: ArrayLike<number>, i: number): number {
  const at = (n: number, row: number, column: number): number => x[((n * h + row) * w + column) * c + (i % c)]!;
  const column = Math.floor(i / c) % w;
  const row = Math.floor(i / (c * w)) % h;
  return at(Math.floor(i / (c * w * h)), row, column) ** 2;
}
`,
    [`engine/ops/${name}.ts`]: `// ${own} as it is called.
import { ${own}Kernels } from "../../kernels/${name}/${name}.ts";
import type { KernelOp } from "../op.ts";
import { ofRank } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";

export const ${own}Op: KernelOp = {
  kind: "kernel",
  name: "${name}",
  infer: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  lower(l) {
    const [n, h, w, c] = ofRank(l.inputs[0]!.shape, 4);
    const problem = { n, h, w, c };
    l.dispatch(l.select(${own}Kernels, problem), problem, { x: l.input(0), y: l.output(0) });
  },
};

/** y[n,h,w,c] = x[n,h,w,c]². */
export const ${own} = (x: Tensor): Tensor => apply(${own}Op, [x], {});
`,
    [`bench/cases/${name}.ts`]: `// ${own} for \`bench ${name} --shape NxHxWxC\`.
import { sizeOf } from "../../engine/index.ts";
import { ${own} } from "../../engine/ops/${name}.ts";
import { ofRank } from "../../engine/shape.ts";
import { ${own} as reference } from "../reference/${name}.ts";
import type { AskedOp } from "./asked.ts";

export const ${own}Asked: AskedOp = {
  shape: "NxHxWxC",
  pass: ({ shape }) => ({
    name: "${name}",
    elements: 2 * sizeOf(shape),
    flops: sizeOf(shape),
    build: (t) => ({ y: ${own}(t("x", shape)) }),
    spots(d) {
      const [n, h, w, c] = ofRank(shape, 4);
      return { y: (i) => reference({ n, h, w, c }, d("x", shape), i) };
    },
  }),
  small: ({ shape }) => [{ shape: [1, 5, 7, 3] }, { shape: [2, 8, 9, ofRank(shape, 4)[3]] }],
};
`,
    [`test/kernels/${name}.test.ts`]: `// Every kernel of ${name} against f64, at each of its tunables.
import { suite } from "uvu";
import { ${own} as reference } from "../../bench/reference/${name}.ts";
import { ${own}Op } from "../../engine/ops/${name}.ts";
import { ${own}Kernels as kernels } from "../../kernels/${name}/${name}.ts";
import { noise } from "../helpers/device.ts";
import { everyKernelAgrees } from "../helpers/every-kernel.ts";

const test = suite("${name} kernels");

// biome-ignore format: a row a shape
const SHAPES = [
  [1, 1, 1, 1],
  [1, 5, 7, 3],
  [2, 8, 8, 4],
  [2, 9, 13, 20],
] as const;

for (const [n, h, w, c] of SHAPES)
  test(\`[\${n}, \${h}, \${w}, \${c}]\`, async () => {
    const data = noise(n * h * w * c, 1);
    const want = (i: number): number => reference({ n, h, w, c }, data, i);
    await everyKernelAgrees(${own}Op, {}, [{ shape: [n, h, w, c], data }], { kernels, want });
  });

test.run();
`,
  };
}

/** A text of the clone, and what a new family adds to it. */
export interface Listing {
  readonly path: string;
  /** Whether the family's name is taken there. */
  isTaken(text: string): boolean;
  grown(text: string): string;
}

/** The lists that a family stands in: of all kernels, and of what the bench can be asked for. */
export const listingsOf = (name: string): readonly Listing[] => [
  {
    path: "kernels/index.ts",
    isTaken: (text) => new RegExp(`\\b${camel(name)}\\b`).test(text),
    grown: (text) =>
      text
        .replace(/(?=\nconst isKernel)/, `import * as ${camel(name)} from "./${name}/${name}.ts";\n`)
        .replace(/(?=^ {4}\]\.flatMap)/m, `      ${camel(name)},\n`),
  },
  {
    path: "bench/cases/asked.ts",
    isTaken: (text) => text.includes(`"${name}": `) || text.includes(`\n  ${name}: `),
    grown: (text) =>
      text
        .replace(/(?=\ntype Pair)/, `import { ${camel(name)}Asked } from "./${name}.ts";\n`)
        .replace(
          /(?=^};\n\n\/\*\* Names of the ops)/m,
          `  ${/-/.test(name) ? `"${name}"` : name}: ${camel(name)}Asked,\n`,
        ),
  },
];
