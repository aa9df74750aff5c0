// The runs of an experiment as the job of an engine: each run a task of its own, which may be stopped and given again,
// and the tables at the end. Engines: Slurm, Snakemake, Nextflow, Kubernetes, and a shell on one machine.
import { stringify } from "yaml";

/** The runs of an experiment, and how one of them is trained. */
export interface Workflow {
  /** Of the experiment. */
  readonly name: string;
  /** Arguments of the command that trains all. */
  readonly args: readonly string[];
  /** The folder in which the command is given. */
  readonly at: string;
  /** The experiment's folder, from there. */
  readonly out: string;
  /** Names of the runs. */
  readonly runs: readonly string[];
}

interface Engine {
  /** What its file is called. */
  readonly file: string;
  /** How the file is given to it, and how the tables are made. */
  readonly says: (workflow: Workflow) => string;
  readonly text: (workflow: Workflow) => string;
}

export type EngineName = "local" | "slurm" | "snakemake" | "nextflow" | "k8s";

/** Exit code of `cmedl` when it stopped on request and saved all: the same command goes on. */
const SAVED = 130;
/** What a shell tells of a program that SIGTERM ended: it had not begun to train. */
const ENDED = 143;
/** Seconds between the signal to stop and the end: a step, and a checkpoint written. */
const GRACE = 120;
/** How often a run that was stopped or failed is given again. */
const RETRIES = 5;

const quoted = (text: string): string => (/^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
/** The command with these arguments; another program than `cmedl` by the variable CMEDL. */
const command = ({ args }: Workflow, ...more: readonly string[]): string =>
  `\${CMEDL:-cmedl} ${[...args.map(quoted), ...more].join(" ")}`;
const madeBy = (w: Workflow, engine: EngineName): string =>
  `# Made by: cmedl ${[...w.args, "--emit", engine].map(quoted).join(" ")}`;
const collect = (w: Workflow): string => command(w, "--collect");

const local: Engine = {
  file: "cmedl.sh",
  says: () => "JOBS=2 bash cmedl.sh trains two runs at a time and makes the tables; given again it goes on",
  text: (w) => `#!/usr/bin/env bash
${madeBy(w, "local")}
# Runs side by side: JOBS (1). Ctrl-C saves them; this script given again goes on.
set -u
cd ${quoted(w.at)} || exit 7
printf '%s\\n' ${w.runs.map(quoted).join(" ")} |
  xargs -P "\${JOBS:-1}" -I{} sh -c '${command(w, "--only", '"$1"').replaceAll("'", `'\\''`)}' sh {}
code=$?
${collect(w)} || exit $?
exit "$code"
`,
};

const slurm: Engine = {
  file: "cmedl.sbatch",
  says: (w) =>
    `id=$(sbatch --parsable --time=8:00:00 --gres=gpu:1 cmedl.sbatch) trains the ${w.runs.length} runs as an array; ` +
    `sbatch --dependency=afterany:$id --wrap ${quoted(`cd ${quoted(w.at)} && ${collect(w)}`)} makes the tables`,
  text: (w) => `#!/usr/bin/env bash
${madeBy(w, "slurm")}
# Time, memory, partition and GPU: on sbatch's command line. A run whose time is up saves, and is queued again; one that is
# cancelled saves, and is not.
#SBATCH --job-name=cmedl-${w.name}
#SBATCH --array=0-${w.runs.length - 1}
#SBATCH --chdir=${w.at}
#SBATCH --output=${w.out}/logs/%x-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@${GRACE}
set -u
runs=(${w.runs.map(quoted).join(" ")})
run=\${runs[$SLURM_ARRAY_TASK_ID]}

# USR1 is for this script alone, and says that the time is up. TERM comes to the run too, which saves by itself: from
# scancel, and where Slurm queues the task again of its own accord.
is_up=no trained=
trap 'is_up=yes; [ -z "$trained" ] || kill -TERM "$trained"' USR1
trap : TERM
${command(w, "--only", '"$run"')} &
trained=$!
# A signal ends wait, not the run: its exit code comes once it has ended.
while wait "$trained"; kill -0 "$trained" 2>/dev/null; do :; done
code=0
wait "$trained" || code=$?
if [ "$is_up" = yes ] && { [ "$code" -eq ${SAVED} ] || [ "$code" -eq ${ENDED} ]; } && [ "\${SLURM_RESTART_COUNT:-0}" -lt 100 ]; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}" && exit 0
fi
exit "$code"
`,
};

const python = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(", ")}]`;

const snakemake: Engine = {
  file: "Snakefile",
  says: () => "snakemake --cores 2 trains two runs at a time and makes the tables; given again it goes on",
  text: (w) => `${madeBy(w, "snakemake")}
# A run is done where its file in done/ is; one that was stopped saves, and is given again.
RUNS = ${python(w.runs)}
OUT = ${JSON.stringify(w.out)}

workdir: ${JSON.stringify(w.at)}

rule tables:
    input: expand(OUT + "/done/{run}", run=RUNS)
    output: touch(OUT + "/done/tables")
    shell: ${JSON.stringify(braced(collect(w)))}

rule run:
    output: touch(OUT + "/done/{run}")
    log: OUT + "/logs/{run}.log"
    retries: ${RETRIES}
    threads: 1
    shell: ${JSON.stringify(`${braced(command(w, "--only"))} {wildcards.run} >> {log} 2>&1`)}
`,
};
/** A shell's text as Snakemake takes it, which fills in what stands in single braces. */
const braced = (text: string): string => text.replaceAll("{", "{{").replaceAll("}", "}}");

const groovy = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const nextflow: Engine = {
  file: "main.nf",
  says: () => "nextflow run main.nf -resume trains the runs and makes the tables; given again it goes on",
  text: (w) => `${madeBy(w, "nextflow").replace("#", "//")}
// A run that was stopped saves, and is given again.
nextflow.enable.dsl = 2

process train {
    tag { run }
    errorStrategy { task.attempt <= ${RETRIES} ? 'retry' : 'finish' }
    maxRetries ${RETRIES}

    input:
    val run

    output:
    val run

    script:
    def trained = ${groovy(`cd ${quoted(w.at)} && ${command(w, "--only")}`)}
    """
    \${trained} \${run}
    """
}

process tables {
    input:
    val runs

    script:
    ${groovy(`cd ${quoted(w.at)} && ${collect(w)}`)}
}

workflow {
    train(Channel.of(${w.runs.map(groovy).join(", ")}))
    tables(train.out.collect())
}
`,
};

const k8s: Engine = {
  file: "cmedl.yaml",
  says: (w) =>
    `put your image and your claim for ${w.at} into cmedl.yaml, then kubectl apply -f cmedl.yaml; ` +
    `${collect(w)} makes the tables where that volume is`,
  text: (w) => {
    const labels = { "app.kubernetes.io/name": "cmedl", "app.kubernetes.io/instance": w.name };
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: `cmedl-${w.name}`, labels },
      spec: {
        completionMode: "Indexed",
        completions: w.runs.length,
        parallelism: 1,
        backoffLimit: RETRIES * w.runs.length,
        // A node that is taken away is no failure of the run, which saved what it had.
        podFailurePolicy: {
          rules: [
            { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
            // A mistake in the command line, the data or the configuration stays one.
            { action: "FailJob", onExitCodes: { operator: "In", values: [2, 3] } },
          ],
        },
        template: {
          metadata: { labels },
          spec: {
            restartPolicy: "Never",
            terminationGracePeriodSeconds: GRACE,
            containers: [
              {
                name: "cmedl",
                image: "YOUR-IMAGE-WITH-CMEDL",
                workingDir: w.at,
                command: ["bash", "-c"],
                args: [
                  `runs=(${w.runs.map(quoted).join(" ")})\nexec ${command(w, "--only")} "\${runs[$JOB_COMPLETION_INDEX]}"\n`,
                ],
                resources: { limits: { "nvidia.com/gpu": 1 } },
                volumeMounts: [{ name: "work", mountPath: w.at }],
              },
            ],
            volumes: [{ name: "work", persistentVolumeClaim: { claimName: "YOUR-CLAIM" } }],
          },
        },
      },
    };
    return `${madeBy(w, "k8s")}\n${stringify(job)}`;
  },
};

export const ENGINES: Readonly<Record<EngineName, Engine>> = { local, slurm, snakemake, nextflow, k8s };
export const ENGINE_NAMES = Object.keys(ENGINES) as readonly EngineName[];
