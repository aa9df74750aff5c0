// The commands, in the order of `cmedl --help`. Each is a file of its own, which is loaded when it is asked for.
import type { Command } from "commander";

export interface CommandEntry {
  name: string;
  summary: string;
  /** Whether help leaves it out. */
  hidden?: boolean;
  load(): Promise<{ register(command: Command): void }>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "check",
    summary: "look at folders of cases before training: geometry, values, labels, copies, splits",
    load: () => import("./check.ts"),
  },
  {
    name: "train",
    summary: "train a segmentor with the help of another modality's unpaired images",
    load: () => import("./train.ts"),
  },
  {
    name: "import",
    summary: "make a folder to train on from DICOM: images as NIfTI, contours and segments as masks",
    load: () => import("./import.ts"),
  },
  {
    name: "presets",
    summary: "list the rows of the paper that train takes by one word",
    load: () => import("./presets.ts"),
  },
  { name: "split", summary: "write a folder's splits.json or its folds, by patient", load: () => import("./split.ts") },
  { name: "predict", summary: "segment images with a trained run", load: () => import("./predict.ts") },
  {
    name: "translate",
    summary: "show an image in the look of the teacher's modality, by a trained run",
    load: () => import("./translate.ts"),
  },
  {
    name: "evaluate",
    summary: "score a run on cases, or any masks against others",
    load: () => import("./evaluate.ts"),
  },
  { name: "report", summary: "make the page of a run: report.html", load: () => import("./report.ts") },
  {
    name: "compare",
    summary: "compare runs on the cases that they were tested on, by paired tests",
    load: () => import("./compare.ts"),
  },
  {
    name: "raters",
    summary: "how much several raters, or algorithms, agree about the same cases",
    load: () => import("./raters.ts"),
  },
  { name: "demo", summary: "train on phantoms made here: no data and no GPU needed", load: () => import("./demo.ts") },
  {
    name: "experiment",
    summary: "train the rows of one of the paper's tables side by side and print the table",
    load: () => import("./experiment.ts"),
  },
  {
    name: "models",
    summary: "list the networks: parameters, cost, figure of the paper",
    load: () => import("./models.ts"),
  },
  {
    name: "convert",
    summary: "convert weights: PyTorch files, safetensors, the networks of a run",
    load: () => import("./convert.ts"),
  },
  {
    name: "federate",
    summary: "average the weights of sites that train one network without sharing images",
    load: () => import("./federate.ts"),
  },
  {
    name: "export",
    summary: "write a trained network as ONNX or safetensors, or a run's model as one zip",
    load: () => import("./export.ts"),
  },
  {
    name: "tune",
    summary: "find the fastest kernels and tile sizes on this GPU, for all later commands",
    load: () => import("./tune.ts"),
  },
  { name: "bench", summary: "time kernels, or one of yours against them", load: () => import("./bench.ts") },
  {
    name: "profile",
    summary: "where a step's time and memory go: by layer and by kernel",
    load: () => import("./profile.ts"),
  },
  {
    name: "capture",
    summary: "one dispatch of a step as a folder that runs by itself; texts of its kernels",
    load: () => import("./capture.ts"),
  },
  {
    name: "debug",
    summary: "what kernels print by dbg, indices out of range, the first number that is not finite",
    load: () => import("./debug.ts"),
  },
  {
    name: "kernel",
    summary: "list the kernels of a clone, or start one of your own",
    load: () => import("./kernel.ts"),
  },
  { name: "lint", summary: "check kernels without a driver: file, line and caret", load: () => import("./lint.ts") },
  {
    name: "doctor",
    summary: "show the GPU that is used here, why, and what would make it faster",
    load: () => import("./doctor.ts"),
  },
  {
    name: "completion",
    summary: "print what makes a shell complete this command's words",
    load: () => import("./completion.ts"),
  },
  {
    name: "completion-server",
    summary: "print what may stand at the cursor of a shell's line",
    hidden: true,
    load: () => import("./completion-server.ts"),
  },
];
