// The bench's command line: what every installation has, and what only a clone of the repository has.
import { type Command, InvalidArgumentError, Option } from "commander";
import { type Sizes, askedOps } from "./cases/asked.ts";

export interface Options {
  shape?: readonly number[];
  filter?: readonly number[];
  stride?: readonly [number, number];
  pad?: readonly [number, number];
  dilation?: readonly [number, number];
  groups?: number;
  reflect?: boolean;
  axes?: readonly number[];
  size?: readonly number[];
  kernel?: string;
  variant?: string;
  set?: Readonly<Record<string, number>>;
  traits?: "gpu" | "cpu";
  watch?: boolean;
  seconds: number;
  quick?: boolean;
  device?: string;
  json?: string;
  markdown?: boolean;
  baseline?: string;
  against?: string;
  peaks?: boolean;
  list?: boolean;
  plan?: boolean;
  budget?: number;
  winograd?: "always" | "never";
}

/** Of a clone alone. */
export interface CloneOptions extends Options {
  save?: boolean;
  torch?: string;
  torchCpu?: boolean;
  python: string;
  peers?: boolean;
  cold?: boolean;
  rounds: number;
  cases?: string;
}

const positive = (text: string): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("it must be a whole number ≥ 1");
  return n;
};
const seconds = (text: string): number => {
  const n = Number(text);
  if (!(n > 0)) throw new InvalidArgumentError("it must be a number of seconds above 0");
  return n;
};

/** Whole numbers between "x", "×" or ",". */
const sizes = (text: string): readonly number[] => {
  const found = text.split(/[x×,]/).map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (!found.every((n) => Number.isInteger(n) && n >= 0))
    throw new InvalidArgumentError('it must be whole numbers with "x" between, such as 2x64x64x32');
  return found;
};
const pair = (text: string): readonly [number, number] => {
  const [y, x = y, ...more] = sizes(text);
  if (y === undefined || x === undefined || more.length > 0)
    throw new InvalidArgumentError("it must be one whole number, or two with an x between: rows, columns");
  return [y, x];
};
const settings = (text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> => {
  const [, name, value] = /^(\w+)=(\d+)$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("it must be NAME=NUMBER, such as KV=4");
  return { ...before, [name]: Number(value) };
};

const about = (): string => `
An op at a shape
  cmedl bench OP --shape SIZES …   times every kernel and tile that can do it here, in turn, against the one that would run
${askedOps()
  .map(({ name, sizes: words }) => `    ${name.padEnd(22)} ${words}`)
  .join("\n")}
  --variant FILE times the shipped text against yours, --set NAME=N what ships against that value. Everything is checked first: each
  element against f64 loops at small odd shapes, a text of yours also with a bias and a rectifier fused into it, and at the shape that
  was asked for (where f64 loops would take more than a second, against the first of the list, and spots in f64). What is wrong prints
  WRONG, with the first wrong element and the products that add up to it, and has no time.

Standing cases (without --shape)
  kernel    every distinct convolution, norm, pool and resize of the paper's networks at 256 × 256, batch 2, found by tracing them at
            full width: forward (fwd), gradient to the image (dx), to the weights (dw); norms and max pools forward and backward (fwd+bwd)
  network   U-Net, DenseFCN, MRRN and the generator: inference, and a training step with Adam
  step      a full CMEDL step, and one of VAE-CMEDL: translators, discriminators, segmentors
  A filter's words must all be in "group name": conv 3x3 64-64 64x64 dw, or unet training.
  Software adapters get less: kernels on one image, halved until a run is 0.65 GFLOP at most (quick: 0.16); networks a quarter as wide
  at 64 × 64. Names say what was run. --quick takes the heaviest of each kind of layer, and fewer samples.
  Layers are checked as ops are, above 0.4 GFLOP against kernels of another algorithm (and spots in f64); inference of a batch against
  its first image alone; losses of a step against the forward pass alone, and that training lowers them.

How it is timed
  Kernels by GPU timestamps; on a software adapter by the processor time of the driver's threads, which others on the machine change
  little; where the system tells neither, and for whole networks, by wall clock from run() until the queue is idle.
  What is compared runs in turn, in one process, in an order drawn for each round. Times over those of the first, round by round,
  give the ratio and its interval of 99.5 % (Hodges and Lehmann; Wilcoxon's signed ranks). "slower" and "faster" need the interval to
  lie 3 % beyond 1, "same" to lie within 5 % of 1, at two looks in a row; "noisy" is neither when --seconds are over.
  Columns: median, p10–p90; GFLOP/s and GB/s count the least work: 2 flops a multiply–add, each operand moved once. "% roofline" is
  the time that this device's own peaks, of fused multiply–adds and of a copy, would need for that, as a share of the time taken, and
  "bound by" which of the two needs longer. Peaks are measured once for an adapter and its driver, and kept where \`cmedl tune\` keeps
  its results; --peaks measures them again. A "!" marks what is above 100 %. A convolution by Winograd does with a quarter of the
  multiplications that are counted.

--baseline FILE exits with 1 on a regression: the new median is above 1.15 × the old one and above the old p90, and the old median is
below the new p10; or a case that had a time has none. It compares two runs, and load differs between runs (what changed on a busy
machine is called noisy): --against COMMIT
measures another commit's build in the same run, in turn with this one, and exits with 1 where this one is slower.
--plan needs no GPU of that size: it prints activations (the plan, and the least that any plan of that order holds), variables, flops
(with a budget also as a multiple of those without), dispatches, pipelines, and the dispatch that computes most.

Examples:
  cmedl bench conv2d --shape 2x256x256x64 --filter 3x3x64x64
  cmedl bench conv2d --shape 1x64x64x64 --filter 3x3x64x64 --variant my.wgsl --kernel conv2d-direct-quad --watch
  cmedl bench matmul --shape 4096x256 --filter 256x256 --set NV=4
  cmedl bench --quick conv 3x3 fwd --json now.json
  cmedl bench conv2d --shape 1x64x64x64 --filter 3x3x64x64 --against HEAD~1`;

/** The sizes of an op, but for --size. */
export type ShapeOptions = Pick<
  Options,
  "shape" | "filter" | "stride" | "pad" | "dilation" | "groups" | "reflect" | "axes"
>;

/** What they say; `size` is [H, W] of what a resize gives. */
export function sizesOf(options: ShapeOptions, size?: Sizes["size"]): Sizes {
  const { shape = [], filter, stride, pad, dilation, groups, reflect, axes } = options;
  return { shape, filter, stride, pad, dilation, groups, reflect, axes, size };
}

export function addShapeOptions(command: Command): Command {
  return command
    .option("--shape <sizes>", "of the op's first operand: images NHWC, as 2x256x256x64", sizes)
    .option("--filter <sizes>", "RxSxCxK of a convolution, RxS of a pool, KxN of a product's right matrix", sizes)
    .option("--stride <n>", "of a convolution or a pool; YxX where they differ", pair)
    .option("--pad <n>", "zeros around the image (default: as many as keep its size)", pair)
    .option("--dilation <n>", "of a convolution's filter", pair)
    .option("--groups <n>", "of a convolution", positive)
    .option("--reflect", "mirror the image at its borders instead of zeros")
    .option("--axes <list>", "of a sum (default: all)", sizes);
}

/** What every installation has. */
export function addOptions(command: Command): Command {
  command
    .usage("[options] [op | filter …]")
    .argument("[filter...]", "an op, with --shape; else only cases with all of these words");
  return addShapeOptions(command)
    .option("--size <sizes>", "HxW of what a resize gives; without --shape, pixels of the networks' images", sizes)
    .option("--kernel <name>", "only this kernel, at each of its tiles")
    .option("--variant <file>", "a .wgsl of yours in the place of the kernel's text, timed against it")
    .option("--set <name=n>", "the value of a tunable; may stand several times", settings)
    .addOption(new Option("--traits <kind>", "choose kernels as for a GPU or a CPU").choices(["gpu", "cpu"]))
    .option("--watch", "with --variant: again at each time that the file is saved")
    .option("--seconds <n>", "at most so long until a comparison is noisy", seconds, 40)
    .option("--quick", "one layer of each kind, few samples: under 3 minutes on two cores without a GPU")
    .option("--device <name>", "adapter to use, as `cmedl doctor` lists them")
    .option("--json <file>", "write the results as JSON")
    .option("--markdown", "print the results as markdown, at the end")
    .option("--baseline <file>", "compare with earlier results; exit 1 on a regression")
    .option("--against <commit>", "in a clone: measure another commit's build in turn; exit 1 where this one is slower")
    .option("--peaks", "measure this device's peaks again")
    .option("--plan", "what networks and steps take at full size: bytes, flops, dispatches; run nothing")
    .option(
      "--budget <MB>",
      "with --plan: most megabytes of activations; what does not fit is computed again",
      positive,
    )
    .option("--list", "print the cases, run nothing")
    .addOption(
      new Option(
        "--winograd <when>",
        "3 × 3 convolutions by Winograd wherever they can, or nowhere; if absent, where it pays",
      ).choices(["always", "never"]),
    )
    .addHelpText("after", about());
}

/** What only a clone has beside these. */
export function addCloneOptions(command: Command): Command {
  return command
    .option("--save", "write them to bench/results/<adapter>.json, keeping other cases that are there")
    .option("--torch <file>", "print results of bench/torch/bench.py beside these")
    .option("--torch-cpu", "PyTorch on the same cores' CPU beside ours instead, in turn")
    .option("--python <path>", "with --torch-cpu: a Python 3 that has PyTorch", "python3")
    .option("--peers", "TensorFlow.js and jax-js beside ours instead")
    .option("--cold", "with --peers: also the first run of the U-Net step with an empty shader cache")
    .option("--rounds <n>", "with --peers: rounds over all engines", positive, 5)
    .option("--cases <file>", "write the shapes of all cases as JSON for bench/torch, run nothing")
    .addHelpText(
      "after",
      `
--peers runs the cases of bench/peers/peer-cases.ts in TensorFlow.js and jax-js (installed into bench/peers/node_modules on first
use), each engine in its own process on the same adapter, one after the other, round by round; results must agree within relative L2 1e-3.
--torch-cpu runs our programs on this adapter and PyTorch on the CPU, with as many threads as the adapter takes (LP_NUM_THREADS, else one
for each core), round by round until a verdict stands: by wall clock, and by processor time (of the driver's threads and of run(); of
PyTorch's process). Both begin with the same weights and images, and what the second run gives must agree within relative L2 1e-3; kernels
and networks with dropout are checked by themselves. Without a filter it takes networks and steps.
--torch FILE prints a result of bench/torch/bench.py beside this run; it takes its shapes from --cases FILE.`,
    );
}
