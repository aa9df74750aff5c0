// Adam as part of a traced step: parameters, gradients and moments stand in arenas, so one dispatch updates all.
import { type AdamAttrs, Variable, adamStep, arenaOf, grad, hostInput, pack, requireTrace, type Tensor } from "../engine/index.ts";

export interface AdamOptions {
  /** Learning rate; may be changed between runs. */
  rate: number;
  /** Default [0.5, 0.999]: the paper's. */
  betas?: readonly [number, number];
  eps?: number;
  amsgrad?: boolean;
  /** L2 decay. */
  weightDecay?: number;
  /** For variable names in checkpoints. */
  name?: string;
}

export class Adam {
  /** Learning rate of the next run. */
  rate: number;
  /** Updates done: t of the bias corrections. Part of a checkpoint. */
  steps = 0;
  readonly name: string;
  /** Parameters and moments, [p, m, v] and AMSGrad's w: flat arenas. */
  readonly state: readonly Variable[];
  readonly #attrs: AdamAttrs;

  /** Adopts `parameters`: from now on they are slices of this optimizer's arena. Each parameter belongs to one optimizer. */
  constructor(readonly parameters: readonly Variable[], { rate, betas = [0.5, 0.999], eps = 1e-8, amsgrad = false, weightDecay = 0, name = "adam" }: AdamOptions) {
    this.rate = rate;
    this.name = name;
    this.#attrs = { beta1: betas[0], beta2: betas[1], eps, decay: weightDecay };
    const p = arenaOf(parameters, `${name}.p`);
    const zeros = (letter: string): Variable => new Variable(p.shape, () => new Float32Array(p.size), { name: `${name}.${letter}`, trainable: false });
    this.state = [p, zeros("m"), zeros("v"), ...(amsgrad ? [zeros("w")] : [])];
  }

  /** Gradients of `loss` with respect to this optimizer's parameters, in their order. */
  gradients(loss: Tensor): Tensor[] {
    return grad(loss, this.parameters.map((p) => p.value));
  }

  /** Differentiates `loss` with respect to this optimizer's parameters alone and updates them. */
  minimize(loss: Tensor): void {
    this.update(this.gradients(loss));
  }

  /** Updates the parameters by given gradients, one of each parameter's shape. */
  update(gradients: readonly Tensor[]): void {
    const trace = requireTrace("an optimizer's update");
    const [arena] = this.state;
    const { beta1, beta2 } = this.#attrs;
    const hyper = hostInput(`${this.name}.hyper`, [2], () => {
      const t = this.steps + 1;
      return [this.rate / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t)];
    });
    const g = pack(gradients, arena.members!.map((m) => m.offset), arena.size);
    adamStep(g, hyper, this.state.map((v) => v.value), this.#attrs).forEach((t, i) => this.state[i].assign(t));
    trace.afterRun.push(() => void this.steps++);
  }
}
