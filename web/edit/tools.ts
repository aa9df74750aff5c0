// What corrects a mask on a plane: brush and eraser draw, fill closes holes, remove takes parts away.
import { signal } from "@preact/signals";
import { image, say } from "../state.ts";
import { type PlaneName, layoutOf, sizeOfPlane, sliceAt } from "../view/planes.ts";
import type { Point, Tool, ToolEvent } from "../view/tools.ts";
import { editShown, endChange, label, showChange } from "./editing.ts";
import { type Brush, eachUnderBrush, partOfStructure, regionOnSlice } from "./regions.ts";

/** Diameter of brush and eraser in mm. */
export const brushMm = signal(10);
export const BRUSH_MM = { least: 1, most: 100 } as const;
/** Whether tools reach into neighbouring slices: a ball draws, not a disc. */
export const inDepth = signal(false);

/** Makes the brush larger or smaller: by 1 mm, by a tenth from 10 mm on. */
export function resizeBrush(direction: 1 | -1): void {
  const now = brushMm.peek();
  const next = now + direction * Math.max(1, Math.round(now / 10));
  brushMm.value = Math.max(BRUSH_MM.least, Math.min(BRUSH_MM.most, next));
}

/** The plane on which a stroke is drawn. */
const on = signal<PlaneName | undefined>(undefined);

function brushOn(plane: PlaneName): Brush {
  const { shape, spacingMm } = image.peek()!;
  const { pixelMm, sliceMm } = sizeOfPlane(plane, shape, spacingMm);
  return { radiusMm: brushMm.peek() / 2, pixelMm, sliceMm, isBall: inDepth.peek() };
}

/** A tool that gives a label to all that it is drawn over. */
function drawing(name: string, says: string, labelOf: () => number): Tool {
  let last: Point | undefined;
  const draw = ({ plane, place, point }: ToolEvent): void => {
    const edit = editShown();
    if (!edit) return;
    const layout = layoutOf(plane, image.peek()!.shape);
    const value = labelOf();
    eachUnderBrush(brushOn(plane), layout, sliceAt(plane, place), last ?? point, point, (v) => edit.set(v, value));
    last = point;
    showChange();
  };
  return {
    name,
    says,
    drawn: signal(undefined),
    on,
    start(event) {
      on.value = event.plane;
      last = undefined;
      draw(event);
    },
    move: draw,
    end() {
      on.value = undefined;
      endChange();
    },
  };
}

export const brush = drawing("brush", "draw the label; [ and ] change the size", () => label.peek());
export const eraser = drawing("eraser", "take labels away; [ and ] change the size", () => 0);

/** What is pressed on a plane, and the edit that it changes; undefined outside of the image. */
function pressed({ plane, place, point }: ToolEvent) {
  const edit = editShown();
  const layout = layoutOf(plane, image.peek()!.shape);
  const [column, row] = [Math.floor(point[0]), Math.floor(point[1])];
  const isInside = column >= 0 && row >= 0 && column < layout.width && row < layout.height;
  if (!edit || !isInside) return undefined;
  const slice = sliceAt(plane, place);
  const voxel = layout.origin + column * layout.right + row * layout.down + slice * layout.through;
  return { edit, voxel, region: () => regionOnSlice(edit.data, layout, slice, column, row) };
}

/** Fills a hole, or gives a region on the slice another label. */
export const fill: Tool = {
  name: "fill",
  says: "fill the hole that is pressed on the slice, or give the label to a region of another one",
  drawn: signal(undefined),
  start(event) {
    const at = pressed(event);
    const value = label.peek();
    if (!at || at.edit.data[at.voxel] === value) return;
    const { label: found, voxels, isOpen } = at.region();
    if (found === 0 && isOpen) return say("not filled: what is pressed reaches the slice's border; close its outline");
    for (const v of voxels) at.edit.set(v, value);
    showChange();
    endChange();
  },
};

/** Takes a connected part away: on the slice, or through all slices. */
export const remove: Tool = {
  name: "remove",
  says: "take away the connected part that is pressed",
  drawn: signal(undefined),
  start(event) {
    const at = pressed(event);
    if (!at || at.edit.data[at.voxel] === 0) return;
    const { shape } = image.peek()!;
    const voxels = inDepth.peek() ? partOfStructure(at.edit.data, shape, at.voxel) : at.region().voxels;
    for (const v of voxels) at.edit.set(v, 0);
    showChange();
    endChange();
    say(`${voxels.length} voxels were taken away`);
  },
};
