// A network and slices so small that a run of them is over in a second: what breaks runs is not the network.
import { Module, type Tensor, relu } from "../../engine/index.ts";
import { Conv2d } from "../../models/index.ts";
import type { Segmentation, Segmentor } from "../../models/segmentor.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import type { SegmentorTraining } from "../../train/regimes/segmentor-training.ts";

/** Two convolutions. */
export class TinyNet extends Module implements Segmentor {
  readonly first = new Conv2d(1, 4, 3, { pad: 1 });
  readonly last = new Conv2d(4, 1, 1);

  pytorchName(path: string): string {
    return path;
  }

  forward(image: Tensor): Segmentation {
    const x = relu(this.first.forward(image));
    return { logits: this.last.forward(x), features: [x] };
  }
}

export const tinyRegime = (options: Partial<SegmentorTraining> = {}): StudentOnly =>
  new StudentOnly({ seed: 3, segmentor: () => new TinyNet(), rate: 1e-2, ...options });
