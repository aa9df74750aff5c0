import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Tensor, concat, grad, mul, square, sum } from "../../engine/index.ts";
import { ImagePool } from "../../train/translators/image-pool.ts";
import { device, noise, tensor } from "../helpers/device.ts";

const test = suite("image pool");

const H = 3;
const W = 2;
const SIZE = H * W;
const batch = (step: number): Float32Array => noise(2 * SIZE, 100 + step);

/** What a pool should give, by its own choices, on the host. */
function simulate(pool: ImagePool, steps: number): number[][] {
  const store: number[][] = [];
  const given: number[][] = [];
  for (let n = 0; n < 2 * steps; n++) {
    const image = Array.from(batch(n >> 1).subarray((n & 1) * SIZE, ((n & 1) + 1) * SIZE));
    const { slot, old } = pool.choice(n);
    given.push(old ? store[slot!]! : image);
    if (slot !== null) store[slot] = image;
  }
  return given;
}

async function run(pool: ImagePool, from: number, to: number): Promise<number[][]> {
  using program = await (await device()).compile(
    ({ x }) => ({ y: pool.exchange(x) }),
    { x: [2, H, W, 1] },
    { mode: "train" },
  );
  const given: number[][] = [];
  for (let step = from; step < to; step++) {
    program.run({ x: batch(step) });
    const { y } = await program.read();
    given.push(Array.from(y.subarray(0, SIZE)), Array.from(y.subarray(SIZE)));
  }
  return given;
}

test("the first images pass and are kept; afterwards half are exchanged for random old ones", () => {
  const pool = new ImagePool(50, [1, 1, 1], 7);
  for (let n = 0; n < 50; n++) assert.equal(pool.choice(n), { slot: n, old: false });
  const later = Array.from({ length: 4000 }, (_, i) => pool.choice(50 + i));
  const exchanged = later.filter((c) => c.old);
  assert.ok(Math.abs(exchanged.length / later.length - 0.5) < 0.03);
  assert.ok(later.every((c) => c.old === (c.slot !== null)));
  const slots = new Set(exchanged.map((c) => c.slot));
  assert.is(slots.size, 50);
  assert.ok([...slots].every((s) => s! >= 0 && s! < 50));
});

test("what the graph gives is what the choices say, image by image", async () => {
  const pool = new ImagePool(3, [H, W, 1], 11);
  assert.equal(await run(pool, 0, 12), simulate(pool, 12));
  assert.is(pool.seen, 24);
});

test("two images of one batch may meet: the second can be given the first", async () => {
  // A pool of one: whenever both are exchanged, the second gets the first.
  const pool = new ImagePool(1, [H, W, 1], 5);
  assert.equal(await run(pool, 0, 10), simulate(pool, 10));
  assert.ok(
    Array.from({ length: 10 }, (_, s) => pool.choice(2 * s).old && pool.choice(2 * s + 1).old).some(Boolean),
    "the seed lets it happen",
  );
});

test("a pool goes on from its store and its count as if it had not stopped", async () => {
  const d = await device();
  const pool = new ImagePool(3, [H, W, 1], 11);
  await run(pool, 0, 5);
  const next = new ImagePool(3, [H, W, 1], 11);
  next.store!.setInitial(new Float32Array(await d.read(pool.store!)));
  next.seen = pool.seen;
  assert.equal(await run(next, 5, 12), await run(pool, 5, 12));
});

test("a pool of none gives the images themselves, detached", async () => {
  const d = await device();
  const pool = new ImagePool(0, [H, W, 1], 1);
  const x = tensor(batch(0), [2, H, W, 1]);
  const y = pool.exchange(x);
  const got = await d.evaluate({ y, g: grad(sum(square(y)), [x])[0]! });
  assert.equal([...got.y], [...batch(0)]);
  assert.ok(got.g.every((v) => v === 0));
  assert.is(pool.store, undefined);
});

test("nothing flows back through a pool", async () => {
  const d = await device();
  const pool = new ImagePool(2, [H, W, 1], 1);
  using program = await d.compile(
    ({ x }): Record<string, Tensor> => ({
      g: grad(sum(square(mul(concat([pool.exchange(x), pool.exchange(x)], 0), 3))), [x])[0]!,
    }),
    { x: [2, H, W, 1] },
    { mode: "train" },
  );
  program.run({ x: batch(0) });
  assert.ok((await program.read()).g!.every((v) => v === 0));
});

test("images of another size are refused with both sizes", async () => {
  const pool = new ImagePool(2, [H, W, 1], 1);
  const d = await device();
  try {
    await d.compile(({ x }) => ({ y: pool.exchange(x) }), { x: [1, 4, 4, 1] }, { mode: "train" });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /holds images \[3, 2, 1\], was given \[4, 4, 1\]/);
  }
});

test.run();
