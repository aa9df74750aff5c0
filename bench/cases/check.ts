// Whether the results of a layer's pass are right in every element: against plain f64 loops, or, where these would take
// minutes, against kernels of another algorithm on the same GPU, which tests hold against f64 loops.
import { Device, type Program, type Tensor, type Values } from "../../engine/index.ts";
import { LARGEST_ERROR, type Prepared } from "./case.ts";
import { compareElements, spotsOf } from "./spots.ts";

/** What an element of a result should be, in f64. */
export type Spot = (i: number) => number;

/** Passes of at most so many operations are checked by f64 loops, at about 10⁸ operations a second. */
const MOST_FLOPS = 4e8;

export interface PassToCheck {
  readonly device: Device;
  readonly build: () => Record<string, Tensor>;
  readonly flops: number;
}

/** How far `got`, results of the program, is off, in words; where it is wrong, the first element that is. */
export async function checkPass(
  program: Program,
  got: Values,
  wants: Readonly<Record<string, Spot>>,
  pass: PassToCheck,
): ReturnType<Prepared["check"]> {
  const others = pass.flops > MOST_FLOPS ? await byOtherKernels(program, pass) : undefined;
  let off = 0;
  for (const [result, want] of Object.entries(wants)) {
    const values = got[result]!;
    const whole = compareElements(values, others ? (i) => others[result]![i]! : want, LARGEST_ERROR);
    const compared = others ? [whole, compareElements(values, want, LARGEST_ERROR, spotsOf(values.length))] : [whole];
    off = Math.max(off, ...compared.map((c) => c.off));
    const wrong = compared.find((c) => c.wrong)?.wrong;
    if (!wrong) continue;
    const what = `${result}[${wrong.index}] of ${values.length} is ${wrong.got}, it should be ${wrong.want}`;
    return { checked: what, wrong: what };
  }
  const against = others ? "every element against other kernels, spots in f64" : "every element in f64";
  return { checked: `off by ${off.toExponential(1)} of the largest, ${against}` };
}

/** Kernels that only prepare or join what those of an algorithm compute. */
const SHARED = new Set(["finish", "sum-partials", "pad-image", "pad-image-grad", "map"]);
const algorithms = (program: Program): string[] =>
  program
    .explain()
    .dispatches.map((d) => d.kernel)
    .filter((kernel) => !SHARED.has(kernel));

/**
 * The results by the kernels that need neither workgroup memory nor subgroups; undefined where the program runs those.
 */
async function byOtherKernels(program: Program, { device, build }: PassToCheck): Promise<Values | undefined> {
  using plain = await Device.open(device.gpu.device, { traits: { cpu: true, subgroups: false, winograd: false } });
  using other = await plain.compile(build, {}, { mode: "train", name: "other kernels" });
  const own = new Set(algorithms(program));
  if (algorithms(other).some((kernel) => own.has(kernel))) return undefined;
  other.run();
  return await other.read();
}
