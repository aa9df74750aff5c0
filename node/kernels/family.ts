// The texts of a new family of kernels: a naive kernel that works, its declaration, its op, reference, test and bench
// row, to be changed into what is wanted.

const camel = (name: string): string => name.replace(/-(\w)/g, (_, c: string) => c.toUpperCase());
const pascal = (name: string): string => camel(`-${name}`);

/** Files of a family by their paths in a clone. */
export function familyFiles(name: string): Record<string, string> {
  const variable = `${camel(name)}Direct`;
  const problem = `${pascal(name)}Problem`;
  return {
    [`kernels/${name}/${name}-direct.wgsl`]: `// y[i] = x[i]²: write your formula here. One invocation makes one element.
// Layouts: x, y [n]. Needs: nothing.
alias F = f32;
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i < params.n) { y[i] = epilogue(x[i] * x[i], i); }
}
`,
    [`kernels/${name}/${name}.ts`]: `// y = ${camel(name)}(x): [n] → [n].
import { defineKernel } from "../kernel.ts";
import direct from "./${name}-direct.wgsl";

/** x, y [n]. */
export type ${problem} = {
  readonly n: number;
};

export const ${variable} = defineKernel<${problem}>("${name}-direct", {
  source: direct,
  threads: (p) => p.n,
  cost: (p) => ({ flops: p.n, bytes: 8 * p.n }),
});

/** In order of preference; the last takes any problem. */
export const ${camel(name)}Kernels = [${variable}];
`,
    [`test/reference/${name}.ts`]: `// ${camel(name)} as plain loops in f64.

/** y[i] = x[i]². */
export const ${camel(name)} = (x: ArrayLike<number>): Float64Array => Float64Array.from(x, (v) => v * v);
`,
    [`engine/ops/${name}.ts`]: `// ${camel(name)} as it is called.
import { ${camel(name)}Kernels } from "../../kernels/${name}/${name}.ts";
import type { KernelOp } from "../op.ts";
import { sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";

export const ${camel(name)}Op: KernelOp = {
  kind: "kernel",
  name: "${name}",
  infer: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  lower(l) {
    const problem = { n: sizeOf(l.inputs[0]!.shape) };
    l.dispatch(l.select(${camel(name)}Kernels, problem), problem, { x: l.input(0), y: l.output(0) });
  },
};

/** y[i] = x[i]², of the shape of x. */
export const ${camel(name)} = (x: Tensor): Tensor => apply(${camel(name)}Op, [x], {});
`,
    [`bench/cases/${name}.ts`]: `// ${camel(name)} for \`cmedl bench ${name} --shape N\`.
import { sizeOf } from "../../engine/index.ts";
import { ${camel(name)} } from "../../engine/ops/${name}.ts";
import type { AskedOp } from "./asked.ts";

export const ${camel(name)}Asked: AskedOp = {
  shape: "any sizes",
  pass: ({ shape }) => ({
    name: "${name}",
    elements: 2 * sizeOf(shape),
    flops: sizeOf(shape),
    build: (t) => ({ y: ${camel(name)}(t("x", shape)) }),
    spots: (d) => ({ y: (i) => d("x", shape)[i]! ** 2 }),
  }),
  small: () => [{ shape: [5] }, { shape: [3, 67] }],
};
`,
    [`test/kernels/${name}.test.ts`]: `// Kernels of ${name} against plain f64 loops.
import { suite } from "uvu";
import { ${camel(name)}Op } from "../../engine/ops/${name}.ts";
import { close } from "../helpers/close.ts";
import { noise } from "../helpers/device.ts";
import { runOp } from "../helpers/run-op.ts";
import { ${camel(name)} as reference } from "../reference/${name}.ts";

const test = suite("${name} kernels");

for (const n of [1, 5, 64, 65, 1000]) {
  test(\`\${n} elements\`, async () => {
    const x = noise(n, 1);
    const [y] = await runOp(${camel(name)}Op, {}, [{ shape: [n], data: x }]);
    close(y!, reference(x));
  });
}

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
