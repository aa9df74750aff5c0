// No kernel of whole networks reads or writes past the end of what it was given, at odd sizes.
import { RandomStreams, type Tensor, grad, mean, square } from "../../engine/index.ts";
import { PatchDiscriminator, ResnetGenerator, UNet, Vgg } from "../../models/index.ts";
import { noise } from "../helpers/device.ts";
import { indicesOutOfRange, roomyDevice } from "../helpers/out-of-range.ts";
import { type Soak, Tally, must } from "./soak.ts";

/** Each of the four networks at two sizes, with a processor's kernels and with a GPU's. */
const WANTED = 16;

interface Network {
  readonly name: string;
  /** Sizes are multiples of it. */
  readonly multiple: number;
  make(): {
    initialize(streams: RandomStreams, name: string): unknown;
    parameters(): readonly unknown[];
    y(x: Tensor): Tensor;
  };
}

export const guards: Soak = {
  name: "guards",
  tries: "indices out of range in U-Net, generator, discriminator and VGG, forward and backward, at odd sizes",
  seconds: 90,
  run: async (budget, random) => {
    const tally = new Tally();
    const skippedKernels = new Set<string>();
    for (let n = 0; budget.allows(n) && n < WANTED; n++) {
      const draw = random.of(n);
      const { name, multiple, make } = networks[n % networks.length]!;
      const [h, w] = [1, 2].map(() => multiple * (2 + draw.whole(3)) + (multiple === 1 ? 20 + draw.whole(17) : 0)) as [
        number,
        number,
      ];
      const isGpu = n % 8 >= 4;
      await tally.try(
        `${name}, ${h} × ${w}${isGpu ? ", kernels of a GPU" : ""} (seed ${random.seed}, ${n})`,
        async () => {
          await using lent = await roomyDevice(isGpu ? { cpu: false } : {});
          const { device } = lent;
          const net = make();
          net.initialize(new RandomStreams(3), "net");
          using program = await device.compile(
            ({ x }) => {
              const y = net.y(x);
              const loss = mean(square(y));
              const dx = grad(loss, [x])[0]!;
              return { y, dx };
            },
            { x: [1, h, w, 1] },
            { name },
          );
          const { records, skipped } = await indicesOutOfRange(device, program, { x: noise(h * w, n + 1) });
          for (const s of skipped) skippedKernels.add(s);
          const [first] = records;
          must(
            !first,
            `${records.length} indices, the first ${first?.array}[${first?.index}] of ${first?.length} in ${first?.kernel}`,
          );
        },
      );
    }
    if (skippedKernels.size > 0) tally.note(`not looked into: ${[...skippedKernels].join("; ")}`);
    tally.count("networks, sizes and kinds of kernels", tally.tried, WANTED);
    tally.goal("no kernel left out", `${skippedKernels.size}`, skippedKernels.size === 0);
    return tally;
  },
};

const networks: readonly Network[] = [
  {
    name: "U-Net",
    multiple: 4,
    make: () => {
      const net = new UNet({ width: 3, depth: 2 });
      return Object.assign(net, { y: (x: Tensor) => net.forward(x).logits });
    },
  },
  {
    name: "generator",
    multiple: 4,
    make: () => {
      const net = new ResnetGenerator({ width: 3, blocks: 1 });
      return Object.assign(net, { y: (x: Tensor) => net.forward(x) });
    },
  },
  {
    name: "discriminator",
    multiple: 1,
    make: () => {
      const net = new PatchDiscriminator({ width: 3, layers: 2 });
      return Object.assign(net, { y: (x: Tensor) => net.forward(x) });
    },
  },
  {
    name: "VGG",
    multiple: 1,
    make: () => {
      const net = new Vgg({ width: 2 });
      return Object.assign(net, { y: (x: Tensor) => net.forward(x).at(-1)! });
    },
  },
];
