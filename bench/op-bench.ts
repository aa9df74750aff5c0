// One op at one shape: every kernel and tile that can do it, or a text of one's own, checked and then timed in turn.
import { Device, type GpuSource, type Tuned, tunedBy, UsageError } from "../engine/index.ts";
import { type Asked, type Sizes, asked } from "./cases/asked.ts";
import { type Choice, UnfitError, choicesOf, namesOf, offersOf } from "../lab/choice.ts";
import { Check, type Checked } from "./cases/entrant-check.ts";
import { type Entrant, dispatchesOf, enter, textOf } from "./cases/entrant.ts";
import { CommandError } from "../node/errors.ts";
import { Operands } from "./cases/operands.ts";
import { errorLines, textErrors, variantOf } from "./cases/variant.ts";
import { type ContestOptions, contest } from "../lab/measure/contest.ts";
import type { Peaks } from "./measure/peaks.ts";
import { roundsOf } from "../lab/measure/rounds.ts";
import { type Row, heldAgainst } from "./say/report.ts";
import type { Consts, Kernel } from "../kernels/kernel.ts";

export interface OpRequest {
  readonly op: string;
  readonly sizes: Sizes;
  /** Only this kernel, at each of its tiles. */
  readonly kernel?: string;
  /** A text that takes the place of a kernel's: of `kernel`, of the kernel that the file is named after, or of the one
   * that would run. */
  readonly variant?: { readonly file: string; readonly text: string };
  readonly tunables?: Consts;
  /** Which kernels are thought of: those for a GPU or for a CPU. Default: as the adapter is. */
  readonly traits?: "gpu" | "cpu";
}

/** What measuring takes besides. */
export interface Measuring extends ContestOptions {
  readonly driverMs?: () => number;
  readonly peaks?: Peaks;
  readonly tuned?: Tuned;
  /** Hears what is being done. */
  say?(line: string): void;
}

/** An op that is kept ready: operands and f64 results are made once. */
export class OpBench implements Disposable {
  readonly asked: Asked;
  readonly operands: Operands;
  readonly check: Check;

  private constructor(
    readonly device: Device,
    readonly request: OpRequest,
    readonly measuring: Measuring,
  ) {
    this.asked = asked(request.op, request.sizes);
    this.operands = new Operands(this.asked.pass);
    this.check = new Check(device, this.asked, this.operands);
  }

  /** Throws UsageError and ShapeError where the request can't be met. */
  static async open(source: GpuSource, request: OpRequest, measuring: Measuring = {}): Promise<OpBench> {
    const traits = request.traits && { cpu: request.traits === "cpu" };
    const device = await Device.open(source, { tuned: measuring.tuned && tunedBy(measuring.tuned), traits });
    try {
      return new OpBench(device, request, measuring);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.device.dispose();
  }

  /**
   * Rows of what the request names, the first of which the others are held against: with a variant the shipped text and
   * it; with tunables the op as it ships and with them; else all kernels and tiles. Throws UsageError where a kernel or
   * tunable is none of this op's, CommandError with the lines of a variant that does not compile. `onChecked` hears of
   * the last row before any is timed.
   */
  async rows(text = this.request.variant?.text, onChecked: (row: Row) => void = () => {}): Promise<Row[]> {
    const choices = text === undefined ? this.#choices() : await this.#withVariant(text);
    const entrants = await this.#entrants(choices);
    const rows: Row[] = [];
    const right: Entrant[] = [];
    for (const entrant of entrants) {
      const { wrong, checked } = await this.#checked(entrant);
      if (!wrong) right.push(entrant);
      rows.push({ ...this.#rowOf(entrant, "wall"), checked, ...(wrong ? { wrong: wrong.join("\n") } : {}) });
    }
    onChecked(rows.at(-1)!);
    const timed = right.length > 0 ? await this.#timed(right) : new Map<string, Partial<Row>>();
    for (const { program } of entrants) program.dispose();
    return rows.map((row) => ({ ...row, ...timed.get(row.name) }));
  }

  /**
   * What the request names, alone: with its kernel, its tunables or its text, else as the op ships. Throws as `rows`.
   */
  async one(): Promise<{ readonly entrant: Entrant; readonly checked: Checked }> {
    const { variant, kernel, tunables } = this.request;
    const choices = variant ? await this.#withVariant(variant.text) : this.#choices();
    const choice = variant || tunables ? choices[1]! : kernel ? { kernels: [kernel] } : {};
    const entrant = (await this.#entrants([choice]))[0]!;
    return { entrant, checked: await this.check.of(entrant) };
  }

  /** Each text is checked once, however often rows are asked for. */
  readonly #known = new Map<string, Checked>();
  async #checked(entrant: Entrant): Promise<Checked> {
    const text = textOf(entrant);
    const known = this.#known.get(text);
    if (known) return known;
    this.#say(`checking ${entrant.name}`);
    const found = await this.check.of(entrant);
    this.#known.set(text, found);
    return found;
  }

  #rowOf({ name }: Entrant, clock: Row["clock"]): Row {
    const { flops, elements } = this.asked.pass;
    return { name, group: "kernel", clock, flops, bytes: 4 * elements };
  }

  async #timed(entrants: readonly Entrant[]): Promise<Map<string, Partial<Row>>> {
    this.#say(`timing ${entrants.length === 1 ? entrants[0]!.name : `${entrants.length} in turn`}`);
    const { driverMs, peaks } = this.measuring;
    const programs = entrants.map(({ program }) => program);
    const rounds = await roundsOf(this.device.gpu, programs, driverMs);
    const standings = await contest(rounds, entrants.length, this.measuring);
    rounds.dispose?.();
    return new Map(
      entrants.map((entrant, i) => {
        const row = this.#rowOf(entrant, rounds.clock);
        const { ms, against } = standings[i]!;
        const { clock, flops = 0, bytes = 0 } = row;
        return [
          entrant.name,
          { clock, ms, against, ...heldAgainst(peaks, { clock, flops, bytes, ms: ms.median }) },
        ] as const;
      }),
    );
  }

  #choices(): Choice[] {
    const { kernel, tunables } = this.request;
    const base: Choice = kernel ? { kernels: [kernel] } : {};
    const offers = offersOf(this.device, this.operands.build, base);
    if (kernel && !offers.some(({ all }) => all.some(({ name }) => name === kernel)))
      throw new UsageError(this.#unknown(kernel, offers.map(({ all }) => namesOf(all)).join(", ")));
    if (tunables) return [base, { ...base, tunables }];
    return [base, ...choicesOf(offers, base)];
  }

  #unknown(kernel: string, known: string): string {
    return known === ""
      ? `--kernel ${kernel}: ${this.asked.name} chooses no kernel here, so none can be named`
      : `--kernel ${kernel}: ${this.asked.name} chooses from ${known}`;
  }

  async #withVariant(text: string): Promise<Choice[]> {
    const { variant, tunables } = this.request;
    const { file } = variant!;
    const kernel = await this.#replaced();
    const offers = offersOf(this.device, this.operands.build, {});
    const isListed = offers.some(({ all }) => all.includes(kernel));
    const base: Choice = { ...(isListed ? { kernels: [kernel.name] } : {}), tunables };
    const own = variantOf(kernel, text);
    const choice = { ...base, variant: own };
    for (const build of this.check.buildsOf(choice)) {
      const errors = await textErrors(this.device, build, own);
      if (errors.length > 0) throw new CommandError("data", errors.flatMap((e) => errorLines(file, e)).join("\n"));
    }
    return [base, choice];
  }

  /** The kernel whose text the variant replaces. */
  async #replaced(): Promise<Kernel> {
    const { kernel: named, variant } = this.request;
    const offers = offersOf(this.device, this.operands.build, named ? { kernels: [named] } : {});
    const { program } = await enter(this.device, this.operands, named ? { kernels: [named] } : {});
    const dispatched = dispatchesOf(program).map(({ kernel }) => kernel);
    program.dispose();
    const known = [...offers.flatMap(({ fitting }) => fitting), ...dispatched];
    const fileName = /([^/\\]+)\.wgsl$/.exec(variant!.file)?.[1];
    const found = named
      ? known.find(({ name }) => name === named)
      : (known.find(({ name }) => name === fileName) ?? offers[0]?.chosen ?? dispatched[0]);
    if (!found) throw new UsageError(this.#unknown(named!, namesOf(known)));
    return found;
  }

  /** Programs of the choices, each text once. What can't do the shape is left out, but for the first. */
  async #entrants(choices: readonly Choice[]): Promise<Entrant[]> {
    const entrants: Entrant[] = [];
    const texts = new Set<string>();
    for (const choice of choices) {
      let entrant: Entrant;
      try {
        entrant = await enter(this.device, this.operands, choice);
      } catch (error) {
        if (error instanceof UnfitError && entrants.length > 0) continue;
        throw error;
      }
      const text = textOf(entrant);
      if (texts.has(text)) {
        entrant.program.dispose();
        continue;
      }
      texts.add(text);
      entrants.push(entrant);
      this.#say(`compiled ${entrant.name}`);
    }
    this.#checkTaken(choices, entrants);
    if (this.request.tunables && choices.length > entrants.length)
      this.#say("that is how it ships: there is nothing to compare");
    return entrants;
  }

  /** Throws UsageError where a tunable or a text changed nothing. */
  #checkTaken(choices: readonly Choice[], entrants: readonly Entrant[]): void {
    const kernels = entrants.flatMap(({ program }) => dispatchesOf(program).map(({ kernel }) => kernel));
    const variant = choices.find((c) => c.variant)?.variant;
    if (variant && !kernels.includes(variant))
      throw new UsageError(
        `${variant.name} is dispatched by the engine itself, not by an op: no file can take its place yet`,
      );
    const known = new Set(
      kernels.flatMap((k) => [...Object.keys(k.tunables ?? {}), ...(k === variant ? k.constNames : [])]),
    );
    for (const name of Object.keys(this.request.tunables ?? {}))
      if (!known.has(name))
        throw new UsageError(
          `--set ${name}: what would run here, ${[...new Set(kernels.map((k) => k.name))].join(", ")}, has no such tunable` +
            `${known.size === 0 ? "" : `: it has ${[...known].join(", ")}`}; name another by --kernel (without --set all are listed)`,
        );
  }

  #say(line: string): void {
    this.measuring.say?.(line);
  }
}
