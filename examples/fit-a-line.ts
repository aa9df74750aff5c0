// Fits a line to points by gradient descent: prints its slope and its height, near 2 and 1.
import { Device, Variable, add, mean, mul, square, sub } from "cmedl";
import { openNodeGpu } from "cmedl/node";
import { Adam } from "cmedl/train";

const x = Float32Array.from({ length: 100 }, (_, i) => i / 50 - 1);
const t = x.map((value) => 2 * value + 1);

const device = await Device.open((await openNodeGpu()).gpu); // in a page: Device.open(navigator.gpu)
const slope = new Variable([1], [0]);
const height = new Variable([1], [0]);
const adam = new Adam([slope, height], { rate: 0.05 });
const step = await device.compile(
  ({ x, t }) => {
    const line = add(mul(x, slope.value), height.value);
    const loss = mean(square(sub(line, t)));
    adam.minimize(loss); // differentiates and updates, on the GPU
    return { loss };
  },
  { x: [100], t: [100] }, // shapes of the inputs
  { mode: "train" },
);
for (let i = 0; i < 200; i++) step.run({ x, t }); // one submit each; nothing is allocated
const { loss } = await step.read(); // the only wait
console.log(`loss ${loss[0]}, slope ${(await device.read(slope))[0]}, height ${(await device.read(height))[0]}`);
device.dispose(); // its programs too
