// Every kernel, for what looks at them all: linters and tests. A page that imports this has the text of each.
import type { Kernel } from "./kernel.ts";
import * as adam from "./adam/adam.ts";
import * as contextualGrad from "./contextual/contextual-grad.ts";
import * as contextual from "./contextual/contextual.ts";
import * as octets from "./octets.ts";
import * as conv2dInputGrad from "./conv2d/conv2d-input-grad.ts";
import * as conv2dWeightGrad from "./conv2d/conv2d-weight-grad.ts";
import * as conv2d from "./conv2d/conv2d.ts";
import * as gatherGrad from "./gather/gather-grad.ts";
import * as gather from "./gather/gather.ts";
import * as scatterLast from "./gather/scatter-last.ts";
import * as acrossRanks from "./map/across-ranks.ts";
import * as finish from "./map/finish.ts";
import * as map from "./map/map.ts";
import * as matmul from "./matmul/matmul.ts";
import * as avgPoolGrad from "./pool/avg-pool-grad.ts";
import * as avgPool from "./pool/avg-pool.ts";
import * as maxPoolGrad from "./pool/max-pool-grad.ts";
import * as maxPoolIndex from "./pool/max-pool-index.ts";
import * as maxPool from "./pool/max-pool.ts";
import * as moments from "./reduce/moments.ts";
import * as reduce from "./reduce/reduce.ts";
import * as statistics from "./reduce/statistics.ts";
import * as sumPartials from "./reduce/sum-partials.ts";
import * as sums from "./reduce/sums.ts";
import * as padImageGrad from "./resize/pad-image-grad.ts";
import * as padImage from "./resize/pad-image.ts";
import * as resizeBilinearGrad from "./resize/resize-bilinear-grad.ts";
import * as resizeBilinear from "./resize/resize-bilinear.ts";
import * as resizeNearestGrad from "./resize/resize-nearest-grad.ts";
import * as resizeNearest from "./resize/resize-nearest.ts";
import * as argExtreme from "./scan/arg-extreme.ts";
import * as scan from "./scan/scan.ts";
import * as tensorCores from "./tensor-cores.ts";
import * as texture from "./texture/texture.ts";
import * as tsne from "./tsne/tsne.ts";
import * as winogradWeightGrad from "./winograd/winograd-weight-grad.ts";
import * as winograd from "./winograd/winograd.ts";

const isKernel = (x: unknown): x is Kernel => typeof x === "object" && x !== null && "source" in x && "bindings" in x;

/** All that the files of the families export, each once. */
export const allKernels: readonly Kernel[] = [
  ...new Set(
    [
      adam,
      contextualGrad,
      contextual,
      conv2dInputGrad,
      conv2dWeightGrad,
      conv2d,
      gatherGrad,
      gather,
      scatterLast,
      acrossRanks,
      finish,
      map,
      matmul,
      avgPoolGrad,
      avgPool,
      maxPoolGrad,
      maxPoolIndex,
      maxPool,
      moments,
      reduce,
      statistics,
      sumPartials,
      sums,
      padImageGrad,
      padImage,
      resizeBilinearGrad,
      resizeBilinear,
      resizeNearestGrad,
      resizeNearest,
      argExtreme,
      scan,
      octets,
      tensorCores,
      texture,
      tsne,
      winogradWeightGrad,
      winograd,
    ].flatMap((family) => Object.values<unknown>(family).flat().filter(isKernel)),
  ),
];
