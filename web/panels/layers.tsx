// A run's time by layer, as a table of which each layer opens on those within it and on its kernels.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Timeline } from "../../lab/timeline.ts";
import { LAYER_HEADS, layerCells, layerTree } from "../../lab/tree.ts";
import { Figures } from "../view/figures.tsx";
import { rowsOf } from "../view/layer-rows.ts";

export function Layers({ timeline }: { readonly timeline: Timeline }): JSX.Element {
  const tree = layerTree(timeline);
  const open = useSignal<ReadonlySet<string>>(new Set([tree.path]));
  const toggle = (path: string): void => {
    const next = new Set(open.value);
    if (!next.delete(path)) next.add(path);
    open.value = next;
  };
  return (
    <Figures label="time by layer" heads={["layer", ...LAYER_HEADS]}>
      {rowsOf(tree, open.value).map(({ name, path, level, share, opens }) => (
        <tr key={path}>
          <th scope="row" style={{ paddingLeft: `${level}rem` }}>
            {opens ? (
              <button type="button" class="fold" aria-expanded={open.value.has(path)} onClick={() => toggle(path)}>
                {name}
              </button>
            ) : (
              name
            )}
          </th>
          {layerCells(share).map((cell, i) => (
            <td key={LAYER_HEADS[i]}>{cell}</td>
          ))}
        </tr>
      ))}
    </Figures>
  );
}
