// What a launcher of MPI says of a process, which GPU that takes, and what ranks exchange under each launcher that is
// installed. Whole trainings under mpirun: test/scale/mpi.sh.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pickAdapter } from "../../node/parallel/adapter.ts";
import { launchOf } from "../../node/parallel/launcher.ts";
import { cmedl } from "../cli/command.ts";

const test = suite("ranks by MPI");

test("a launcher's variables tell rank, size, and place on the machine; a process alone is no rank", () => {
  assert.is(launchOf({}), undefined);
  assert.is(launchOf({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }), undefined);
  assert.is(launchOf({ PMI_RANK: "0", PMI_SIZE: "1" }), undefined);
  assert.equal(launchOf({ OMPI_COMM_WORLD_RANK: "5", OMPI_COMM_WORLD_SIZE: "8", OMPI_COMM_WORLD_LOCAL_RANK: "1" }), {
    rank: 5,
    size: 8,
    localRank: 1,
    kind: "open-mpi",
  });
  assert.equal(launchOf({ PMI_RANK: "2", PMI_SIZE: "4", MPI_LOCALRANKID: "0" }), {
    rank: 2,
    size: 4,
    localRank: 0,
    kind: "mpich",
  });
  assert.is(launchOf({ PMI_RANK: "2", PMI_SIZE: "4", SLURM_LOCALID: "1" })?.localRank, 1);
  assert.is(launchOf({ PMI_RANK: "2", PMI_SIZE: "4" })?.localRank, 2);
});

test("GPUs of different names go round among a machine's ranks; of those of one name a warning tells", () => {
  const gpu = (name: string) => ({ backend: "vulkan", name, software: false });
  const cpu = { backend: "vulkan", name: "llvmpipe", software: true };
  assert.equal(pickAdapter([cpu], 1), {});
  assert.equal(pickAdapter([gpu("A"), cpu], 1), {});
  assert.equal(
    [0, 1, 2].map((rank) => pickAdapter([gpu("A"), gpu("B"), cpu], rank).device),
    ["A", "B", "A"],
  );
  const twins = pickAdapter([gpu("A"), gpu("A")], 1);
  assert.is(twins.device, undefined);
  assert.match(twins.warning!, /several GPUs are called A, .*--gpus-per-task=1/);
});

test("--compress is for several processes, and has two words", async () => {
  const alone = await cmedl(["train", "--student", "ct", "--out", "run", "--compress", "f16"]);
  assert.is(alone.exitCode, 2);
  assert.match(alone.stderr, /--compress is for several processes: start them by mpirun -n K/);
  const unknown = await cmedl(["train", "--student", "ct", "--out", "run", "--compress", "f8"]);
  assert.is(unknown.exitCode, 2);
  assert.match(unknown.stderr, /--compress f8: give none or f16/);
});

const run = promisify(execFile);
for (const mpirun of ["mpirun.openmpi", "mpirun.mpich"]) {
  const isThere = await run(mpirun, ["--version"]).then(
    () => true,
    () => false,
  );
  // Reported as skipped where the launcher is not installed.
  (isThere ? test : test.skip)(`ranks exchange what they should under ${mpirun}`, async () => {
    const env = {
      ...process.env,
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
      OMPI_MCA_rmaps_base_oversubscribe: "1",
    };
    for (const size of [2, 3]) {
      const { stdout } = await run(
        mpirun,
        ["-n", `${size}`, process.execPath, "tools/run.mjs", "test/scale/exchange.ts"],
        { env },
      );
      assert.equal(
        stdout.trim().split("\n").sort(),
        [...Array(size).keys()].map((rank) => `rank ${rank} of ${size}: ok`),
      );
    }
  });
}

test.run();
