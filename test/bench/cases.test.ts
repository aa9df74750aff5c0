// Which cases there are: gathered from the networks, not listed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ResNet50, SdUNet, arenaCases } from "../../bench/cases/arena.ts";
import { matches } from "../../bench/cases/case.ts";
import { kernelCases } from "../../bench/cases/kernel-cases.ts";
import {
  type ConvLayer,
  convOutput,
  isConv,
  kindOf,
  layerFlops,
  nameOf,
  outputShape,
  shrunk,
} from "../../bench/cases/layers.ts";
import { networkCases } from "../../bench/cases/network-cases.ts";
import { paperLayers } from "../../bench/cases/networks.ts";
import { stepCases } from "../../bench/cases/step-cases.ts";
import { PEER_CASES, unetParameters } from "../../bench/peers/peer-cases.ts";
import { compareElements, convSpots, spotsOf } from "../../bench/cases/spots.ts";
import { uniform } from "../../bench/measure/statistics.ts";
import { checkPass } from "../../bench/cases/check.ts";
import { Device, conv2d as conv } from "../../engine/index.ts";
import { tensor } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from "../reference/conv.ts";

const test = suite("bench cases");
const found = paperLayers();
const named = (pattern: RegExp) => found.filter((f) => pattern.test(nameOf(f.layer)));

test("the paper's networks have 150 distinct convolutions at full width, 256 × 256, batch 2", () => {
  const convs = found.map((f) => f.layer).filter(isConv);
  assert.is(convs.length, 150);
  assert.is(convs.filter((l) => l.op === "conv-transpose").length, 10);
  assert.is(convs.filter((l) => l.padMode === "reflect").length, 27);
});

test("and norms, pools and resizes", () => {
  const count = (op: string): number => found.filter((f) => f.layer.op === op).length;
  assert.equal(
    ["batch-norm", "instance-norm", "layer-norm", "max-pool", "avg-pool", "resize"].map(count),
    [58, 7, 2, 19, 8, 17],
  );
});

test("the generator's layers are found with what is special about them", () => {
  const of = (name: string): string[] =>
    found
      .filter((f) => f.networks.has("generator"))
      .map((f) => nameOf(f.layer))
      .filter((n) => n.startsWith(name));
  assert.equal(of("conv 7"), ["conv 7×7 1→64 reflect @256×256 ×2", "conv 7×7 64→1 reflect @256×256 ×2"]);
  assert.equal(of("convT"), ["convT 3×3 256→128 /2 p1 @64×64 ×2", "convT 3×3 128→64 /2 p1 @128×128 ×2"]);
  assert.ok(named(/^conv 3×3 256→256 reflect @64×64 ×2$/)[0].count >= 18);
});

test("names tell layers of one scale apart", () =>
  assert.is(new Set(found.map((f) => nameOf(f.layer))).size, found.length));

test("a transposed convolution that doubles gives twice the size, and its flops are those of its input's pixels", () => {
  const layer = named(/^convT 3×3 256→128/)[0].layer as ConvLayer;
  assert.equal(convOutput(layer), [128, 128]);
  assert.equal(outputShape(layer), [2, 128, 128, 128]);
  assert.is(layerFlops(layer), 2 * 9 * 256 * 128 * 2 * 64 * 64);
});

test("shrunk layers keep channels and stay within their limits, or stop at 8 pixels", () => {
  for (const { layer } of found) {
    const small = shrunk(layer, 1.6e8, 1 << 20);
    assert.is(small.x[3], layer.x[3]);
    assert.is(kindOf(small), kindOf(layer));
    assert.ok(layerFlops(small) <= 1.6e8 || Math.min(small.x[1], small.x[2]) <= 8, nameOf(small));
  }
});

test("each convolution has three passes; a quick run has one layer of each kind", () => {
  const cases = kernelCases(found);
  const kinds = new Set(found.map((f) => kindOf(f.layer))).size;
  assert.is(cases.filter((c) => c.name.startsWith("conv")).length, 450);
  assert.is(cases.length, 450 + 2 * 111);
  assert.is(new Set(cases.filter((c) => c.quick).map((c) => c.name.replace(/ \S+$/, ""))).size, kinds);
});

test("networks: inference and training of four, with their flops", () => {
  const cases = networkCases({ size: 32, batch: 1, share: 0.25 });
  assert.is(cases.length, 8);
  assert.ok(cases.every((c) => c.group === "network" && c.flops > 0 && c.bytes > 0));
  const [inference, training] = cases.filter((c) => c.name.startsWith("unet"));
  assert.ok(
    training.flops > 2.9 * inference.flops && training.flops < 3 * inference.flops,
    `${training.flops / inference.flops}`,
  );
});

test("steps: the two methods, and three that are trained without a GPU, with their flops", () => {
  const cases = stepCases({ size: 32, batch: 1, share: 0.25 });
  assert.equal(
    cases.map((c) => c.name.split(/[ ,]/).slice(0, 2).join(" ")),
    ["cmedl step", "vae-cmedl step", "cmedl step", "ct-only step", "demo's cmedl"],
  );
  assert.ok(cases.every((c) => c.group === "step" && c.flops > 0 && c.bytes > 0));
});

test("the Inference Arena's networks have their sizes and parameters", () => {
  assert.equal(
    arenaCases().map((c) => c.name),
    ["sd-unet inference @32×32×4 ×2", "resnet-50 inference @224×224×3 ×4"],
  );
  assert.is(new ResNet50().parameterCount(), 25_557_032);
  assert.is(new SdUNet().parameterCount(), 5_294_080);
});

test("filters take every word, and plain letters for signs", () => {
  const c = { group: "kernel", name: "conv 3×3 64→128 @64×64 dw" } as const;
  assert.ok(matches(c, ["3x3", "64>128", "dw"]) && matches(c, ["kernel"]) && matches(c, []));
  assert.not.ok(matches(c, ["3x3", "dx"]));
});

test("the peers' U-Net has 50 parameters, their cases names of their own", () => {
  assert.is(Object.keys(unetParameters()).length, 50);
  assert.is(new Set(PEER_CASES.map((c) => c.name)).size, PEER_CASES.length);
  const step = PEER_CASES.find((c) => c.name === "unet step")!;
  assert.ok(step.flops > 2.2e9 && step.flops < 2.5e9, `${step.flops}`);
});

for (const [stride, dilation, padMode] of [
  [1, 1, "zero"],
  [2, 1, "zero"],
  [1, 2, "zero"],
  [2, 1, "reflect"],
] as const) {
  test(`spots of a convolution are those of whole loops: stride ${stride}, dilation ${dilation}, ${padMode}`, () => {
    const [n, h, w, c, k, r] = [2, 7, 6, 4, 6, 3];
    const groups = 2;
    const pad = 2;
    const layer: ConvLayer = {
      op: "conv",
      x: [n, h, w, c],
      w: [r, r, c / groups, k],
      stride: [stride, stride],
      pad: [pad, pad, pad, pad],
      dilation: [dilation, dilation],
      groups,
      padMode,
    };
    const out = outputShape(layer);
    const [, p, q] = out;
    const spots = convSpots(layer, layer.x, out);
    const x = uniform(n * h * w * c, 1);
    const f = uniform(r * r * (c / groups) * k, 2);
    const dy = uniform(n * p * q * k, 3);
    // The loops know zeros only: they are given the mirrored image, whose gradient is gathered back.
    const mirror = (t: number, size: number): number => (t < 0 ? -t : t >= size ? 2 * (size - 1) - t : t);
    const around = padMode === "reflect" ? pad : 0;
    const [hh, ww] = [h + 2 * around, w + 2 * around];
    const from = Array.from({ length: n * hh * ww * c }, (_, i) => {
      const pixel = Math.floor(i / c);
      const row = Math.floor(pixel / ww);
      return (
        ((Math.floor(row / hh) * h + mirror((row % hh) - around, h)) * w + mirror((pixel % ww) - around, w)) * c +
        (i % c)
      );
    });
    const padded = from.map((i) => x[i]);
    const zeros = pad - around;
    const o = {
      n,
      h: hh,
      w: ww,
      c,
      p,
      q,
      k,
      r,
      s: r,
      stride: layer.stride,
      pad: [zeros, zeros, zeros, zeros] as const,
      dilation: layer.dilation,
      groups,
    };
    const dPadded = conv2dInputGrad(dy, f, o);
    const dx = new Float64Array(x.length);
    from.forEach((i, at) => (dx[i] += dPadded[at]));
    for (const { off, wrong } of [
      compareElements(conv2d(padded, f, o), (i) => spots.out(x, f, i), 1e-12),
      compareElements(dx, (i) => spots.image(dy, f, i), 1e-12),
      compareElements(conv2dWeightGrad(padded, dy, o), (i) => spots.filter(x, dy, i), 1e-12),
    ])
      assert.is(wrong, undefined, `off by ${off}`);
  });
}

test("spots hold both ends and are distinct", () => {
  const spots = spotsOf(100000);
  assert.ok(spots.length > 150 && spots.includes(0) && spots.includes(99999));
  assert.is(new Set(spots).size, spots.length);
  assert.equal(spotsOf(3).sort(), [0, 1, 2]);
});

test("one wrong element anywhere is found, by its index", () => {
  const values = uniform(1000, 4);
  const want = (i: number): number => values[i]!;
  assert.equal(compareElements(values, want, 1e-3), { off: 0, at: 0 });
  for (const at of [0, 7, 640, 999]) {
    const got = values.slice();
    got[at] = values[at]! + 0.5;
    assert.is(compareElements(got, want, 1e-3).wrong?.index, at);
    got[at] = NaN;
    const { off, wrong } = compareElements(got, want, 1e-3);
    assert.equal([off, wrong?.index, wrong?.want], [Infinity, at, values[at]]);
  }
});

test("a kernel that is wrong on 64 elements does not pass, by f64 loops or by other kernels", async () => {
  const { gpu } = await environment().gpu();
  using device = await Device.open(gpu, { traits: environment().traits });
  const layer: ConvLayer = {
    ...{ op: "conv", x: [1, 12, 13, 8], w: [3, 3, 8, 12] },
    ...{ stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1], groups: 1, padMode: "zero" },
  };
  const [x, w] = [uniform(12 * 13 * 8, 1), uniform(9 * 8 * 12, 2)];
  const build = () => ({ y: conv(tensor(x, layer.x), tensor(w, layer.w), { pad: 1 }) });
  using program = await device.compile(build, {}, { mode: "train", name: "conv" });
  program.run();
  const got = await program.read();
  const spots = convSpots(layer, layer.x, outputShape(layer));
  const wants = { y: (i: number): number => spots.out(x, w, i) };
  for (const flops of [0, 1e12]) {
    const right = await checkPass(program, got, wants, { device, build, flops });
    assert.is(right.wrong, undefined);
    assert.match(right.checked, flops ? /every element against other kernels, spots in f64$/ : /every element in f64$/);
    const y = got.y.slice();
    y.fill(0, 900, 964);
    const { wrong } = await checkPass(program, { y }, wants, { device, build, flops });
    assert.match(wrong!, /^y\[900\] of 1872 is 0, it should be -?\d/);
  }
});

test.run();
