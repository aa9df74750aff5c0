// The bench's command line.
import { Command, InvalidArgumentError, Option } from "commander";

export interface Options {
  quick?: boolean;
  device?: string;
  json?: string;
  save?: boolean;
  compare?: string;
  torch?: string;
  peers?: boolean;
  cold?: boolean;
  rounds: number;
  size?: number;
  list?: boolean;
  plan?: boolean;
  budget?: number;
  cases?: string;
  winograd?: "always" | "never";
}

const about = `
What is timed
  kernel    every distinct convolution, norm, pool and resize of the paper's networks at 256 × 256, batch 2, found by tracing them at
            full width: forward (fwd), gradient to the image (dx), to the weights (dw); norms and max pools forward and backward (fwd+bwd)
  network   U-Net, DenseFCN, MRRN and the generator: inference, and a training step with Adam
  step      a full CMEDL step, and one of VAE-CMEDL: translators, discriminators, segmentors
A filter's words must all be in "group name": "kernel conv 3x3 dw", "unet training".

Software adapters get less: kernels on one image, halved until a run is 0.65 GFLOP at most (quick: 0.16), so that it stays below
0.3 s; networks a quarter as wide at 64 × 64. Names say what was run. --quick takes the heaviest of each kind of layer, and fewer samples.

How
  Checked first: every element of a layer's results against plain f64 loops, above 0.4 GFLOP against kernels of another algorithm
  (and spots in f64); inference of a batch against its first image alone; losses of a step against the
  forward pass alone, and that training lowers them. A wrong result prints WRONG, with the first wrong element, and has no time.
  Two runs to warm up, then many short samples: median, p10–p90. Kernels by GPU timestamps where the adapter is a GPU and has
  them; else, and for whole networks, wall time from run() until the queue is idle. On software adapters the process first sleeps for
  90 % of the time expected: in Node a pending promise polls and takes a core from the adapter. Peers are timed by the same code.
  GFLOP/s and GB/s count the least work: 2 flops a multiply–add, each operand moved once. "% peak" is the time that this device's own
  peaks, of fused multiply–adds and of a copy, both measured at the start, would need for that, as a share of the time taken. A convolution by Winograd does with a quarter of the multiplications that are counted.

--compare FILE exits with 1 on a regression: the new median is above 1.15 × the old one and above the old p90, and the old median is
below the new p10; or a case that had a time has none.
--peers runs the cases of bench/peer-cases.ts in TensorFlow.js and jax-js (installed into bench/peers/node_modules on first use), each
engine in its own process on the same adapter, one after the other, round by round; results must agree within relative L2 1e-3.
--plan needs no GPU of that size: it prints activations (the plan, and the least that any plan of that order holds), variables, flops
(with a budget also as a multiple of those without), dispatches, pipelines, and the dispatch that computes most.
--torch FILE prints a result of bench/torch/bench.py beside this run; it takes its shapes from --cases FILE.`;

const positive = (text: string): number => {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError("it must be a whole number ≥ 1");
  return n;
};

export function command(): Command {
  return new Command("bench")
    .usage("[options] [filter …]")
    .description("Times kernels, networks and steps on this machine's device.")
    .argument("[filter...]", "only cases with all of these words")
    .option("--quick", "one layer of each kind, few samples: under 3 minutes on two cores without a GPU")
    .option("--device <name>", "adapter to use, as `cmedl doctor` lists them")
    .option("--json <file>", "write the results as JSON")
    .option("--save", "write them to bench/results/<adapter>.json, keeping other cases that are there")
    .option("--compare <file>", "compare with earlier results; exit 1 on a regression")
    .option("--torch <file>", "print results of bench/torch/bench.py beside these")
    .option("--peers", "TensorFlow.js and jax-js beside ours instead")
    .option("--cold", "with --peers: also the first run of the U-Net step with an empty shader cache")
    .option("--rounds <n>", "with --peers: rounds over all engines", positive, 5)
    .option("--size <pixels>", "image size of the networks", positive)
    .option("--plan", "what networks and steps take at full size: bytes, flops, dispatches; run nothing")
    .option(
      "--budget <MB>",
      "with --plan: most megabytes of activations; what does not fit is computed again",
      positive,
    )
    .option("--list", "print the cases, run nothing")
    .option("--cases <file>", "write the shapes of all cases as JSON for bench/torch, run nothing")
    .addOption(
      new Option(
        "--winograd <when>",
        "3 × 3 convolutions by Winograd wherever they can, or nowhere; if absent, where it pays",
      ).choices(["always", "never"]),
    )
    .addHelpText("after", about);
}
