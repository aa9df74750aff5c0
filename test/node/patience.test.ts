// Waiting for a driver that computes on the cores: most of a run's time is slept through, and nothing is missed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { DriverPatience } from "../../node/gpu/patience.ts";

const test = suite("patience");

test.before(async () => {
  await openNodeGpu({ quiet: true }); // WebGPU's globals
});

/** A buffer that can be mapped `ms` after it was made, and what was asked of it. */
function bufferReadyAfter(ms: number) {
  const started = performance.now();
  const asked: number[] = [];
  let mapped = false;
  let taken: (() => void) | undefined;
  const buffer = {
    mapAsync(): Promise<void> {
      assert.not(mapped, "mapped twice");
      asked.push(performance.now() - started);
      return new Promise((resolve, reject) => {
        const look = (): void => {
          if (taken === undefined) return;
          if (performance.now() - started < ms) return void setImmediate(look);
          mapped = true;
          resolve();
        };
        taken = () => {
          taken = undefined;
          if (!mapped) reject(new Error("unmapped while it was being mapped"));
        };
        setImmediate(look);
      });
    },
    unmap: () => taken?.(),
  };
  /** Lets it be mapped again, as once its results were copied. */
  const remap = (): void => {
    mapped = false;
  };
  return { buffer: buffer as unknown as GPUBuffer, asked, isMapped: () => mapped, remap };
}

/** Lets runs of these times pass through one patience; gives what was asked of each. */
async function runsOf(times: readonly number[]): Promise<{ asked: readonly number[]; tookMs: number }[]> {
  const patience = new DriverPatience();
  const seen = [];
  for (const ms of times) {
    const { buffer, asked, isMapped } = bufferReadyAfter(ms);
    const started = performance.now();
    patience.submitted(buffer);
    await patience.map(buffer, () => {});
    assert.ok(isMapped());
    seen.push({ asked, tookMs: performance.now() - started });
  }
  return seen;
}

test("three quarters of the least of the last runs are slept through, then it is asked now and then", async () => {
  const [first, second, third] = await runsOf([30, 60, 60]);
  // The first compiles and tells nothing; the second has nothing to go by.
  assert.is(first!.asked.length, 1);
  assert.is(second!.asked.length, 1);
  assert.ok(third!.asked[0]! >= 44, `asked after ${third!.asked[0]} ms`);
  assert.ok(third!.asked.length <= 20, `asked ${third!.asked.length} times`);
});

test("a run that is faster than the last one shortens the next sleep", async () => {
  const seen = await runsOf([10, 120, 20, 20, 20]);
  assert.ok(seen[2]!.tookMs >= 85);
  assert.ok(seen.at(-1)!.tookMs < 80, `took ${seen.at(-1)!.tookMs} ms`);
});

test("one that takes far longer is awaited, and a short one is not slept for", async () => {
  const [, , long, , short] = await runsOf([5, 10, 400, 1, 1]);
  assert.ok(long!.tookMs >= 399);
  assert.ok(long!.asked.at(-1)! < 300, "asked until it ended");
  assert.ok(short!.tookMs < 300);
});

test("what is read again, late, or behind a later run says nothing of a run's time", async () => {
  const patience = new DriverPatience();
  const run = (ms: number) => {
    const made = bufferReadyAfter(ms);
    patience.submitted(made.buffer);
    return made;
  };
  const read = ({ buffer }: { buffer: GPUBuffer }) => patience.map(buffer, () => {});
  for (const ms of [5, 80]) await read(run(ms));
  const again = run(80);
  await read(again);
  again.remap();
  await read(again); // at once, and the same run
  const earlier = run(20);
  await read(run(80));
  await read(earlier);
  const late = run(10);
  await new Promise((done) => setTimeout(done, 300));
  await read(late);
  const last = run(80);
  await read(last);
  assert.ok(last.asked[0]! >= 55, `asked after ${last.asked[0]} ms`);
  assert.ok(last.asked[0]! <= 200, `asked after ${last.asked[0]} ms`);
});

test("what must not be asked any more throws before it is asked", async () => {
  const patience = new DriverPatience();
  const { buffer, asked } = bufferReadyAfter(5);
  const gone = (): void => {
    throw new Error("disposed");
  };
  await patience.map(buffer, gone).then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, "disposed"),
  );
  assert.equal(asked, []);
});

test("what the mapping throws is thrown", async () => {
  const patience = new DriverPatience();
  const lost = { mapAsync: () => Promise.reject(new Error("lost")), unmap: () => {} } as unknown as GPUBuffer;
  await patience
    .map(lost, () => {})
    .then(
      () => assert.unreachable(),
      (error) => assert.is(error.message, "lost"),
    );
});

test.run();
