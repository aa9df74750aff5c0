// What engines are given of an experiment: each run a task of its own, names and paths quoted, files that their readers
// take.
import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { ENGINES, ENGINE_NAMES, type Workflow } from "../../node/experiment/workflows.ts";

const test = suite("workflows");

const workflow = (at: string): Workflow => ({
  name: "pays",
  args: ["experiment", "pays", "--student", "it's here/ct", "--seeds", "2"],
  at,
  out: "runs/pays",
  runs: ["ct-k3-seed0", "ct-k3-seed1"],
});

/** What a stand-in for the command was given, a line a call, once `script` ran in a shell with this environment. */
async function calls(
  folder: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ lines: string[]; code: number }> {
  const said = join(folder, "said");
  await executable(join(folder, "bin/cmedl"), 'printf "%s|" "$@" >> "$SAID"; echo >> "$SAID"; exit $CODE');
  const file = join(folder, "script.sh");
  await writeFile(file, script);
  let code = 0;
  try {
    const path = `${join(folder, "bin")}:${process.env.PATH}`;
    execFileSync("bash", [file], { env: { ...process.env, SAID: said, CODE: "0", PATH: path, ...env }, stdio: "pipe" });
  } catch (error) {
    code = (error as { status: number }).status;
  }
  return { lines: (await readFile(said, "utf8")).trim().split("\n"), code };
}

async function executable(file: string, script: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cmedl workflow's-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const given = "experiment|pays|--student|it's here/ct|--seeds|2|";

test("on one machine each run is trained by itself, then the tables are made", () =>
  inFolder(async (folder) => {
    const { lines, code } = await calls(folder, ENGINES.local.text(workflow(folder)));
    assert.equal(lines, [`${given}--only|ct-k3-seed0|`, `${given}--only|ct-k3-seed1|`, `${given}--collect|`]);
    assert.is(code, 0);
  }));

test("a task of Slurm's array trains its run, and ends as it did", () =>
  inFolder(async (folder) => {
    const script = ENGINES.slurm.text(workflow(folder));
    assert.match(script, /^#SBATCH --array=0-1$/m);
    assert.match(script, /^#SBATCH --signal=B:USR1@120$/m);
    for (const CODE of ["0", "3", "130"]) {
      const { lines, code } = await calls(folder, script, { SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_JOB_ID: "7", CODE });
      assert.equal([lines.at(-1), code], [`${given}--only|ct-k3-seed1|`, Number(CODE)]);
    }
  }));

/**
 * What Slurm's script did when it, or all of its processes, got a signal while the run trained, or before it listens.
 */
async function signalled(
  folder: string,
  { signal, toAll, listens = true }: { signal: NodeJS.Signals; toAll: boolean; listens?: boolean },
): Promise<{ code: number | null; requeued: string; terms: string }> {
  const at = (name: string): string => join(folder, name);
  const listening = "trap 'echo term >> \"$TERMS\"; sleep 0.3; exit 130' TERM";
  await executable(at("bin/cmedl"), `${listens ? listening : ""}\necho >> "$STARTED"\nwhile :; do sleep 0.05; done`);
  await executable(at("bin/scontrol"), 'echo "$@" >> "$REQUEUED"');
  for (const name of ["requeued", "terms", "started"]) await writeFile(at(name), "");
  await writeFile(at("task.sbatch"), ENGINES.slurm.text(workflow(folder)));
  const files = { REQUEUED: at("requeued"), TERMS: at("terms"), STARTED: at("started") };
  const env = { ...process.env, SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_JOB_ID: "7", ...files };
  const path = `${at("bin")}:${process.env.PATH}`;
  const task = spawn("bash", [at("task.sbatch")], { env: { ...env, PATH: path }, detached: true, stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => task.on("exit", resolve));
  while ((await readFile(at("started"), "utf8")) === "") await setTimeout(20);
  process.kill(toAll ? -task.pid! : task.pid!, signal);
  const code = await ended;
  return { code, requeued: await readFile(at("requeued"), "utf8"), terms: await readFile(at("terms"), "utf8") };
}

test("a task whose time is up tells its run once, and is queued again, though the run did not listen yet", () =>
  inFolder(async (folder) => {
    const up = { signal: "SIGUSR1", toAll: false } as const;
    assert.equal(await signalled(folder, up), { code: 0, requeued: "requeue 7_1\n", terms: "term\n" });
    assert.equal(await signalled(folder, { ...up, listens: false }), { code: 0, requeued: "requeue 7_1\n", terms: "" });
  }));

test("a task that is cancelled lets its run save, tells it nothing twice, and is not queued again", () =>
  inFolder(async (folder) => {
    const cancelled = await signalled(folder, { signal: "SIGTERM", toAll: true });
    assert.equal(cancelled, { code: 130, requeued: "", terms: "term\n" });
  }));

test("Kubernetes' job has an index for each run, and a run that a node took away is no failure", () => {
  const { apiVersion, kind, spec } = parse(ENGINES.k8s.text(workflow("/work")));
  assert.equal([apiVersion, kind, spec.completionMode, spec.completions], ["batch/v1", "Job", "Indexed", 2]);
  const [container] = spec.template.spec.containers;
  assert.match(
    container.args[0],
    /^runs=\(ct-k3-seed0 ct-k3-seed1\)\nexec .* --only "\$\{runs\[\$JOB_COMPLETION_INDEX\]\}"\n$/,
  );
  assert.is(spec.template.spec.terminationGracePeriodSeconds, 120);
  assert.is(spec.podFailurePolicy.rules[0].onPodConditions[0].type, "DisruptionTarget");
});

test("every engine's file names all runs and the command that made it", () => {
  for (const name of ENGINE_NAMES) {
    const text = ENGINES[name].text(workflow("/work"));
    for (const run of workflow("/work").runs) assert.ok(text.includes(run), `${name} lacks ${run}`);
    assert.match(text, new RegExp(`Made by: cmedl experiment pays .* --emit ${name}`));
  }
});

test.run();
