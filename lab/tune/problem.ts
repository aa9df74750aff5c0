// A problem that an op chooses kernels for, apart from the program that it stands in, on noise: its candidates, and
// what times them.
import { tuningKey } from "../../engine/gpu/tuned.ts";
import { isFloat } from "../../engine/dtype.ts";
import { RandomStreams } from "../../engine/random.ts";
import { Device } from "../../engine/run/device.ts";
import type { Program } from "../../engine/run/program.ts";
import { Node, type Tensor } from "../../engine/tensor.ts";
import { Variable } from "../../engine/variable.ts";
import type { Consts, Kernel } from "../../kernels/kernel.ts";
import { type Choice, type Offer, byChoice, combinations, namesOf } from "../choice.ts";
import { contest } from "../measure/contest.ts";
import { roundsOf } from "../measure/rounds.ts";
import type { Candidate, Measure } from "./search.ts";

/** Seconds that a comparison may take before it is left at what it knows; of the last, and of those before. */
const SECONDS = { last: 10, before: 1.5 };

export class Problem implements Disposable {
  readonly #inputs: readonly Variable[];
  readonly #programs = new Map<string, Program>();

  private constructor(
    readonly device: Device,
    readonly node: Node,
    readonly driverMs: (() => number) | undefined,
  ) {
    this.#inputs = node.inputs.map(({ shape, dtype, size }, i) => {
      const stream = new RandomStreams(i).key("tune");
      const noise = () => (isFloat(dtype) ? RandomStreams.normals(stream, size) : new Float32Array(size));
      return new Variable(shape, noise, { dtype, trainable: false, name: `input ${i}` });
    });
  }

  /** On memory of its own, which `dispose` frees; `driverMs` as `roundsOf` takes it. */
  static async open(host: Device, node: Node, driverMs?: () => number): Promise<Problem> {
    return new Problem(await Device.open(host.gpu.device), node, driverMs);
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program.dispose();
    this.device.dispose();
  }

  /** Its op, inputs and outputs, in words. */
  get label(): string {
    const { op, inputs, outputs } = this.node;
    const shapes = (tensors: readonly Tensor[]): string =>
      tensors.map(({ shape }) => `[${shape.join(", ")}]`).join(" ");
    return `${op.name} ${shapes(inputs)} → ${shapes(outputs)}`;
  }

  readonly #build = (choice: Choice, onOffer?: (offer: Offer) => void): Record<string, Tensor> => {
    const { op, attrs } = this.node;
    const inputs = this.#inputs.map((v) => v.value) as unknown as Node["inputs"];
    const results = Object.fromEntries(new Node(op, inputs, attrs).outputs.map((t, i) => [`${i}`, t]));
    return byChoice(results, choice, onOffer);
  };

  /** The lists that are chosen from, each once: Winograd's way chooses the kernel of its products, too. */
  offers(choice: Choice): readonly Offer[] {
    const lists = new Map<string, Offer>();
    const keep = (offer: Offer): void => {
      if (!lists.has(namesOf(offer.all))) lists.set(namesOf(offer.all), offer);
    };
    this.device.estimate(() => this.#build(choice, keep), {});
    return [...lists.values()];
  }

  /** Every kernel of a list that can do it, at every combination of its tunables: first what runs as things are. */
  candidatesOf({ chosen, fitting, params }: Offer): Candidate[] {
    const of = (kernel: Kernel): Candidate[] => {
      const ships = { ...combinations(kernel)[0], ...kernel.consts?.(params, this.device.gpu.traits) };
      const isShipped = (c: Consts): boolean => Object.entries(c).every(([name, value]) => ships[name] === value);
      return combinations(kernel)
        .map((consts) => ({ kernel: kernel.name, consts }))
        .sort((a, b) => Number(isShipped(b.consts)) - Number(isShipped(a.consts)));
    };
    return [chosen, ...fitting.filter((k) => k !== chosen)].flatMap(of);
  }

  /** Times the whole problem by candidates of one list, where `choice` decides on the others. */
  measureOf(choice: Choice): Measure {
    return async (candidates, isLast) => {
      const programs: Program[] = [];
      for (const c of candidates) programs.push(await this.program(withCandidate(choice, c)));
      const rounds = await roundsOf(this.device.gpu, programs, this.driverMs);
      try {
        const seconds = isLast ? SECONDS.last : SECONDS.before;
        const standings = await contest(rounds, programs.length, { seconds });
        return standings.map(({ ms, against }) => ({ us: 1000 * ms.median, verdict: against?.verdict ?? "same" }));
      } finally {
        rounds.dispose?.();
      }
    };
  }

  async program(choice: Choice): Promise<Program> {
    const name = JSON.stringify(choice);
    const known = this.#programs.get(name);
    if (known) return known;
    const program = await this.device.compile(() => this.#build(choice), {}, { name: `tuning ${this.node.op.name}` });
    this.#programs.set(name, program);
    return program;
  }

  /** Where the values of a candidate's tunables are kept; undefined where it has none. */
  async tuningKey(choice: Choice, { kernel, consts }: Candidate): Promise<string | undefined> {
    if (Object.keys(consts).length === 0) return undefined;
    const { replays } = (await this.program(choice)).opened();
    const own = replays.find(({ dispatch }) => dispatch.kernel.name === kernel)?.dispatch;
    return own && tuningKey(this.device.gpu, own.kernel, own.params, own.aliases);
  }
}

export const withCandidate = ({ kernels = [], tunables }: Choice, { kernel, consts }: Candidate): Choice => ({
  kernels: [...kernels, kernel],
  tunables: { ...tunables, ...consts },
});
