// Drives a suite through the public API: one program a case gives its outputs and gradients, which the suite judges.
import {
  type DType,
  type Device,
  CmedlError,
  type Feeds,
  type InputSpec,
  type Program,
  type Tensor,
  grad,
  mul,
  sum,
  total,
} from "../../engine/index.ts";
import { indicesOutOfRange } from "../helpers/out-of-range.ts";
import type { Adapter, Adapters, Named } from "./adapter.ts";
import { halfTolerance, resultBeyondHalf, rounded, withoutHalf } from "./half.ts";
import {
  type Case,
  type ExpectedRef,
  type InputRef,
  type Suite,
  type Tolerance,
  type Values,
  type Verdict,
  compare,
} from "./suite.ts";
import { conv } from "./ops/conv.ts";
import { elementwise } from "./ops/elementwise.ts";
import { index } from "./ops/index.ts";
import { loss } from "./ops/loss.ts";
import { matmul } from "./ops/matmul.ts";
import { movement } from "./ops/movement.ts";
import { norm } from "./ops/norm.ts";
import { optimizer } from "./ops/optimizer.ts";
import { pool } from "./ops/pool.ts";
import { reduce } from "./ops/reduce.ts";
import { resize } from "./ops/resize.ts";

const adapters: Adapters = {
  ...elementwise,
  ...reduce,
  ...conv,
  ...norm,
  ...matmul,
  ...loss,
  ...optimizer,
  ...movement,
  ...index,
  ...pool,
  ...resize,
};
export const knownOps = Object.keys(adapters).sort();

export interface RunOptions {
  /** Names of ops, or parts of case ids; all cases if empty. */
  readonly only?: readonly string[];
  /** Multiplies all that the engine gives by 1.01: the run must then fail. */
  readonly perturb?: boolean;
  /** Stores all floats in f16, judged as half.ts says. */
  readonly half?: boolean;
  /**
   * Looks first whether an index of a kernel leaves its tensor or its array, and fails such a case. Devices must be
   * roomy ones.
   */
  readonly bounds?: boolean;
  readonly print?: (line: string) => void;
}

/** What the cases of one op came to. */
export interface OpReport {
  readonly op: string;
  cases: number;
  failed: number;
  skipped: number;
  /** Largest error as a share of the tolerance, failures included. */
  worst: number;
  readonly sources: Set<string>;
  /** Of the op's outputs and gradients: the widest relative and absolute tolerance, or exact. */
  readonly tolerances: Tolerance[];
  readonly failures: string[];
}

export interface SuiteReport {
  readonly ops: readonly OpReport[];
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** How many were skipped for which reason. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** The closing line. */
export const closing = ({ passed, failed, skipped }: SuiteReport): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Runs the cases in turn on a device that `open` gives; a device that reported an error is replaced by a new one. */
export async function runSuite(
  suite: Suite,
  open: () => Promise<Device>,
  { only = [], perturb = false, half = false, bounds = false, print = () => {} }: RunOptions = {},
): Promise<SuiteReport> {
  const reports = new Map<string, OpReport>();
  const ops = new Set(suite.cases.map((c) => c.op));
  const chosen = suite.cases.filter(
    (c) => only.length === 0 || only.some((part) => (ops.has(part) ? c.op === part : c.id.includes(part))),
  );
  const reasons = new Map<string, number>();
  let device = await open();
  for (const c of chosen) {
    let report = reports.get(c.op);
    if (!report) {
      const { op } = c;
      report = { op, cases: 0, failed: 0, skipped: 0, worst: 0, sources: new Set(), tolerances: [], failures: [] };
      reports.set(op, report);
    }
    report.cases++;
    report.sources.add(c.src);
    const adapter = adapters[c.op] as Adapter | undefined;
    const counted = report;
    const skip = (reason: string): void => {
      counted.skipped++;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    };
    const why = !adapter
      ? "no adapter for the op"
      : half
        ? device.gpu.traits.f16
          ? withoutHalf(c, floatsOf(suite, c))
          : "the device has no shader-f16"
        : undefined;
    if (!adapter || why) {
      skip(why!);
      continue;
    }
    const messages: string[] = [];
    try {
      const judge = half
        ? await halfJudge(device, suite, c, adapter)
        : (_: string, ref: ExpectedRef, values: Values): Judged => ({
            tol: ref.tol,
            verdict: suite.check(ref, values),
          });
      if (typeof judge === "string") {
        skip(judge);
        continue;
      }
      for (const [name, { ref, values }] of await runCase(device, suite, c, adapter, {
        float: half ? "f16" : "f32",
        rounds: half,
        bounds,
      })) {
        const { tol, verdict } = judge(name, ref, perturb ? perturbed(values) : values);
        report.tolerances.push(tol);
        report.worst = Math.max(report.worst, verdict.worst);
        if (verdict.message) messages.push(`${name}: ${verdict.message}`);
      }
    } catch (error) {
      report.worst = Infinity;
      messages.push(
        error instanceof CmedlError
          ? `${error.name}: ${error.message}`
          : error instanceof Error
            ? (error.stack ?? error.message)
            : String(error),
      );
      try {
        device.gpu.check();
      } catch {
        device.dispose();
        device = await open();
      }
    }
    if (messages.length === 0) continue;
    report.failed++;
    const failure = `FAIL ${c.op} ${c.id} ${JSON.stringify(c.attrs)} ${shapes(c)}${c.tags ? ` (${c.tags.join(", ")})` : ""}\n${messages.map((m) => `       ${m}`).join("\n")}`;
    report.failures.push(failure);
    print(failure);
  }
  device.dispose();
  const list = [...reports.values()].sort((a, b) => (a.op < b.op ? -1 : 1));
  const count = (f: (r: OpReport) => number): number => list.reduce((n, r) => n + f(r), 0);
  return {
    ops: list,
    reasons,
    failed: count((r) => r.failed),
    skipped: count((r) => r.skipped),
    passed: count((r) => r.cases - r.failed - r.skipped),
  };
}

interface Got {
  readonly ref: ExpectedRef;
  readonly values: Values;
}

interface Judged {
  readonly tol: Tolerance;
  readonly verdict: Verdict;
}

/**
 * Runs a case in f32 on what f16 holds of its inputs, and gives what judges an f16 run by that; or why none can be
 * judged.
 */
async function halfJudge(
  device: Device,
  suite: Suite,
  c: Case,
  adapter: Adapter,
): Promise<string | ((name: string, ref: ExpectedRef, values: Values) => Judged)> {
  const want = new Map(
    (await runCase(device, suite, c, adapter, { float: "f32", rounds: true })).map(([name, { values }]) => [
      name,
      values,
    ]),
  );
  const reason = resultBeyondHalf([...want.values()].map((v) => v.data));
  return (
    reason ??
    ((name, ref, { shape, data }) => {
      const { data: wanted, shape: as } = want.get(name)!;
      const tol = halfTolerance(
        c.op,
        ref.tol,
        wanted,
        name in c.outputs ? [] : Object.values(c.grad_outputs ?? {}).map((r) => suite.values(r).data),
      );
      return {
        tol,
        verdict:
          shape.join() === as.join()
            ? compare(data, wanted, tol)
            : { worst: Infinity, message: `shape [${shape.join(", ")}], in f32 [${as.join(", ")}]` },
      };
    })
  );
}

/** The float inputs and cotangents of a case. */
const floatsOf = (suite: Suite, c: Case): ArrayLike<number>[] =>
  [...Object.values(c.inputs), ...Object.values(c.grad_outputs ?? {})]
    .filter((ref) => ref.dtype === "f32")
    .map((ref) => suite.values(ref).data);

interface CaseOptions {
  /** What floats are stored in. */
  readonly float: DType;
  /** Whether inputs are rounded to f16 before. */
  readonly rounds: boolean;
  readonly bounds?: boolean;
}

/** Outputs and gradients of one case by name, as the engine gives them. */
async function runCase(
  device: Device,
  suite: Suite,
  c: Case,
  adapter: Adapter,
  { float, rounds, bounds = false }: CaseOptions,
): Promise<[string, Got][]> {
  const inputs = entriesOf(c.inputs);
  const cotangents = c.grads ? entriesOf(c.grad_outputs) : [];
  const specs: Record<string, InputSpec> = {};
  const feeds: Record<string, ArrayLike<number>> = {};
  for (const [prefix, refs] of [
    ["", inputs],
    ["cotangent of ", cotangents],
  ] as const) {
    for (const [name, ref] of refs) {
      specs[prefix + name] = {
        shape: ref.shape,
        dtype: ref.dtype === "u8" ? "u32" : ref.dtype === "f32" ? float : ref.dtype,
      };
      const { data } = suite.values(ref);
      feeds[prefix + name] = rounds && ref.dtype === "f32" ? rounded(data) : data;
    }
  }
  const wanted: [string, ExpectedRef][] = [];
  const results: Record<string, Tensor> = {};
  using program = await device.compile(
    (given: Named) => {
      const xs = Object.fromEntries(inputs.map(([name]) => [name, given[name]]));
      const outputs = adapter(c.attrs, xs);
      for (const [name, ref] of entriesOf(c.outputs)) {
        // Positions of maxima: what an engine without them need not give.
        if (name === "indices" && !outputs[name]) continue;
        if (!outputs[name]) throw new Error(`the adapter gives no output ${name}`);
        wanted.push([name, ref]);
        results[name] = outputs[name];
      }
      if (c.grads) {
        const names = Object.keys(c.grads);
        const products = cotangents.map(([name]) => sum(mul(outputs[name], given[`cotangent of ${name}`])));
        const gradients = grad(
          total(...products),
          names.map((name) => xs[name]),
        );
        names.forEach((name, i) => {
          wanted.push([`d${name}`, c.grads![name]]);
          results[`d${name}`] = gradients[i];
        });
      }
      return results;
    },
    specs,
    { name: c.id },
  );
  if (bounds) await withinBounds(device, program, feeds);
  program.run(feeds);
  const values = await program.read();
  return wanted.map(([name, ref]) => [
    name,
    {
      ref,
      values: { shape: results[name].shape, data: ref.dtype === "u8" ? Uint8Array.from(values[name]) : values[name] },
    },
  ]);
}

/** Throws where a kernel of the program reads or writes out of range. */
async function withinBounds(device: Device, program: Program, feeds: Feeds): Promise<void> {
  const { records, skipped } = await indicesOutOfRange(device, program, feeds);
  const [first] = records;
  if (first) {
    const { kernel, array, index, length } = first;
    throw new Error(`${kernel}: ${array}[${index}] of ${length}, and ${records.length - 1} more indices out of range`);
  }
  if (skipped.length > 0) throw new Error(`not looked into: ${skipped.join("; ")}`);
}

const entriesOf = <T>(record: Readonly<Record<string, T>> = {}): [string, T][] => Object.entries(record);
const perturbed = ({ shape, data }: Values): Values => ({ shape, data: Array.from(data, (v) => v * 1.01) });
const shapes = (c: Case): string =>
  entriesOf<InputRef>(c.inputs)
    .slice(0, 4)
    .map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape.join(", ")}]`)
    .join(" ");
