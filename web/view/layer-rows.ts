// The rows of a tree of layers of which some are open.
import type { KernelShare } from "../../lab/timeline.ts";
import type { LayerShare } from "../../lab/tree.ts";

/** A row that is shown: a layer, which may be open, or a kernel in one. */
interface Row {
  readonly name: string;
  readonly path: string;
  readonly level: number;
  readonly share: LayerShare | KernelShare;
  /** Whether it has rows within it. */
  readonly opens: boolean;
}

/** The rows of a tree whose layers of these paths are open. */
export function rowsOf(layer: LayerShare, open: ReadonlySet<string>, level = 0): Row[] {
  const { name, path, layers, kernels } = layer;
  const own: Row = { name, path, level, share: layer, opens: layers.length + kernels.length > 0 };
  if (!open.has(path)) return [own];
  return [
    own,
    ...layers.flatMap((child) => rowsOf(child, open, level + 1)),
    ...kernels.map((share): Row => {
      const { kernel } = share;
      return { name: kernel, path: `${path} ${kernel}`, level: level + 1, share, opens: false };
    }),
  ];
}
