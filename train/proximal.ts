// FedProx's proximal term: training on one site's images stays near the weights that all sites started from.
import { UsageError, Variable, mul, square, sub, sum, total } from "../engine/index.ts";
import type { Regime } from "./regime.ts";

type Held = Pick<Regime, "kind" | "networks" | "optimizers">;

/**
 * From now on μ/2 · ‖w − w₀‖² is minimized with the student's loss (Li et al., Federated optimization in heterogeneous
 * networks, MLSys 2020, eq. 2): w are the student's parameters, w₀ the values that they start with. The log's losses
 * are without it. Checkpoints hold w₀ as `optimizer.S.start`. Before the regime's steps are compiled. Throws UsageError
 * where the regime has no student (SC, or S alone) that an optimizer trains.
 */
export function stayNearStart({ kind, networks, optimizers }: Held, μ: number): void {
  const parameters = (networks.SC ?? networks.S)?.parameters() ?? [];
  const optimizer = optimizers.find((o) => parameters.every((p) => o.parameters.includes(p)));
  if (parameters.length === 0 || !optimizer)
    throw new UsageError(`${kind} trains no student SC or S that could stay near its start; give no proximal term`);
  const pairs = parameters.map((p) => ({ p, start: new Variable(p.shape, p, { trainable: false }) }));
  optimizer.state.push({ name: `${optimizer.name}.start`, parts: pairs.map(({ start }) => start) });
  optimizer.penalty = () => mul(μ / 2, total(...pairs.map(({ p, start }) => sum(square(sub(p.value, start.value))))));
}
