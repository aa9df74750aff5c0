// A traced graph as an ONNX model.
import { Exporter, type Forward, type Inputs, type OnnxOptions } from "./exporter.ts";
import type { OnnxModel } from "./file.ts";

export type { OnnxOptions };

/**
 * The inference graph of `forward` as ONNX: inputs and outputs by name, of our shapes ([N, H, W, C]; N of the first
 * axis is free where the graph does not depend on it). Throws OnnxError naming an op that ONNX has no form for, and
 * what `forward` throws.
 */
export function exportOnnx(forward: Forward, inputs: Inputs, options: OnnxOptions = {}): OnnxModel {
  // The batch is free if two sizes of it give the same nodes and weights; else it is as the caller says. Vectors [N,
  // Z] beside images may have it too.
  for (const least of [2, 4]) {
    const [two, three] = [2, 3].map((n) => {
      try {
        return new Exporter(options).run(
          forward,
          Object.fromEntries(Object.entries(inputs).map(([k, s]) => [k, s.length >= least ? [n, ...s.slice(1)] : s])),
        );
      } catch {
        return undefined;
      }
    });
    if (two && three && sameButForSizes(two, three)) {
      const free = (m: OnnxModel["inputs"], other: OnnxModel["inputs"]): OnnxModel["inputs"] =>
        m.map((v, i) => ({ ...v, shape: v.shape.map((d, j) => (d === other[i]!.shape[j] ? d : "batch")) }));
      return { ...two, inputs: free(two.inputs, three.inputs), outputs: free(two.outputs, three.outputs) };
    }
  }
  return new Exporter(options).run(forward, inputs);
}

const sameButForSizes = (a: OnnxModel, b: OnnxModel): boolean => {
  const essence = (m: OnnxModel): string =>
    JSON.stringify([
      m.nodes,
      m.initializers.map((t) => [t.name, t.shape, t.data.length <= 64 ? Array.from(t.data) : t.data.length]),
    ]);
  return essence(a) === essence(b);
};
