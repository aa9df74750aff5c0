// Dropout of whole channels, as DenseFCN and MRRN train with it.
import { Module, type RandomStream, type Tensor, dropout, mode, mul, reshape } from "../engine/index.ts";

/**
 * Dropout2d: whole channels of a sample are 0 with probability `rate`, the rest is scaled by 1/(1 − rate). Off at
 * inference. `mask` [N, C], where it is set, takes the place of random multipliers in every mode: to repeat what
 * another program dropped.
 */
export class Dropout2d extends Module {
  mask?: Tensor;
  constructor(
    readonly rate: number,
    readonly random: RandomStream,
  ) {
    super();
    if (!(rate >= 0 && rate < 1)) throw new RangeError(`a dropout rate is a share below 1, not ${rate}`);
  }
  forward(x: Tensor): Tensor {
    if (this.mask)
      return mul(x, reshape(this.mask, [x.shape[0]!, ...x.shape.slice(1, -1).map(() => 1), x.shape[x.rank - 1]!]));
    if (mode() !== "train" || this.rate === 0) return x;
    const { key, salt } = this.random.draw();
    return dropout(x, this.rate, key, { channels: true, salt });
  }
}
