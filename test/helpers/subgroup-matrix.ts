// Kernels on tensor cores where there are none: their text with subgroup matrices put into plain WGSL, for subgroups
// of any size.
import type { Kernel } from "../../kernels/kernel.ts";
import type { Attrs, KernelOp } from "../../engine/op.ts";

const replaced = (text: string, what: RegExp, by: string | ((...m: string[]) => string)): string => {
  if (!what.test(text)) throw new Error(`the kernel's text has no ${what}`);
  return text.replace(what, by as never);
};

/** Where in workgroup memory a matrix that is loaded lies: nothing changes it before it has been multiplied. */
const place = (order: string): string => (order === "row_major" ? "stride, 1u" : "1u, stride");

/**
 * A kernel's WGSL with its subgroup matrices emulated, for subgroups of `lanes` invocations in order of their
 * numbers: a factor is its place in workgroup memory, and of a sum each invocation holds every `lanes`-th element.
 */
export function emulate(source: string, lanes: number): string {
  const [, left] = /Load<Left, \w+>\(&(\w+)/.exec(source)!;
  const [, right] = /Load<Right, \w+>\(&(\w+)/.exec(source)!;
  const [, out] = /Store<row_major>\(&(\w+)/.exec(source)!;
  let text = replaced(source, /^enable chromium_experimental_subgroup_matrix;\nenable subgroups;\n/, "");
  for (const type of ["Left", "Right"])
    text = replaced(
      text,
      new RegExp(`^alias ${type} = .*$`, "m"),
      `struct ${type} { at : u32, row : u32, column : u32 }`,
    );
  text = replaced(text, /^alias Sum = .*$/m, `struct Sum { v : array<f32, ${Math.ceil(256 / lanes)}> }`);
  text = replaced(
    text,
    /,\s*@builtin\(subgroup_id\) subgroup : u32, @builtin\(num_subgroups\) subgroups : u32\) \{/,
    `) {
  let subgroup = local / ${lanes}u;
  let subgroups = ${128 / lanes}u;
  lane = local % ${lanes}u;
  let zero = group.z / 65536u;`,
  );
  // A count that a software driver can see is unrolled by it, and compiles for minutes.
  text = replaced(text, /fn main[\s\S]*/, (main) => main.replaceAll(/for \(var (\w+) = 0u;/g, "for (var $1 = zero;"));
  text = replaced(
    text,
    /subgroupMatrixLoad<(\w+), (\w+)>\(&\w+, ([^;]*), (\w+)\);/g,
    (_, type, order, at, stride) => `${type}(${at}, ${place(order).replace("stride", stride)});`,
  );
  text = replaced(text, /subgroupMatrixMultiplyAccumulate/g, "multiplyAccumulate");
  text = replaced(text, /subgroupMatrixStore<row_major>\(&\w+/g, "store(0u");
  return `${text}
var<private> lane : u32;
fn multiplyAccumulate(left : Left, right : Right, sum : Sum) -> Sum {
  var to = sum;
  for (var e = lane; e < MATRIX_M * MATRIX_N; e += ${lanes}u) {
    for (var k = 0u; k < MATRIX_K; k += 1u) {
      to.v[e / ${lanes}u] += f32(${left}[left.at + e / MATRIX_N * left.row + k * left.column]) * f32(${right}[right.at + k * right.row + e % MATRIX_N * right.column]);
    }
  }
  return to;
}
fn store(base : u32, at : u32, sum : Sum, stride : u32) {
  var v = sum.v;
  for (var e = lane; e < MATRIX_M * MATRIX_N; e += ${lanes}u) { ${out}[base + at + e / MATRIX_N * stride + e % MATRIX_N] = v[e / ${lanes}u]; }
}
`;
}

/** The op, whose kernels on tensor cores are emulated; `ran` collects their names. */
export const emulating = <A extends Attrs>(op: KernelOp<A>, lanes: number, ran: Set<string>): KernelOp<A> => ({
  ...op,
  lower: (l, a) =>
    op.lower(
      {
        ...l,
        dispatch: (kernel: Kernel, ...rest) => {
          const onTensorCores = kernel.source.includes("subgroup_matrix");
          if (onTensorCores) ran.add(kernel.name);
          l.dispatch(onTensorCores ? { ...kernel, source: emulate(kernel.source, lanes) } : kernel, ...rest);
        },
      },
      a,
    ),
});
