// What the left button does on a plane: each tool hears of a drag, and may draw over the slice.
import { type Signal, signal } from "@preact/signals";
import { image, place } from "../state.ts";
import { type Place, type PlaneName, sizeOfPlane, sliceAt, voxelUnder } from "./planes.ts";

/** A point of a plane: column and row in pixels, with parts of them. */
export type Point = readonly [column: number, row: number];

export interface ToolEvent {
  readonly plane: PlaneName;
  /** Through which the plane lay when the button was pressed. */
  readonly place: Place;
  readonly point: Point;
}

export interface Tool {
  readonly name: string;
  readonly says: string;
  /** Changes where what it draws changes. */
  readonly drawn: Signal<unknown>;
  /** The plane on which it is at work: the others are drawn when it is done. */
  readonly on?: Signal<PlaneName | undefined>;
  start(event: ToolEvent): void;
  move?(event: ToolEvent): void;
  end?(event: ToolEvent): void;
  /** Draws over a plane; `at` turns a point of it into pixels of the canvas, of which `scale` are one of the page. */
  draw?(
    plane: PlaneName,
    context: CanvasRenderingContext2D,
    at: (column: number, row: number) => [number, number],
    scale: number,
  ): void;
}

const goTo = ({ plane, point }: ToolEvent): void => {
  const found = voxelUnder(plane, place.peek(), point, image.peek()!.shape);
  if (found) place.value = found;
};

/** Shows the other planes through the point under the pointer. */
export const pointer: Tool = {
  name: "go to",
  says: "show the other planes through the point that is pressed",
  drawn: signal(undefined),
  start: goTo,
  move: goTo,
};

interface Line {
  readonly plane: PlaneName;
  readonly slice: number;
  readonly from: Point;
  readonly to: Point;
}
const line = signal<Line | undefined>(undefined);

/** Length of a line on a plane in mm. */
function lengthOf({ plane, from, to }: Line): number {
  const { pixelMm } = sizeOfPlane(plane, image.peek()!.shape, image.peek()!.spacingMm);
  return Math.hypot((to[0] - from[0]) * pixelMm[0], (to[1] - from[1]) * pixelMm[1]);
}

/** Measures along a drag, in mm. */
export const ruler: Tool = {
  name: "measure",
  says: "drag a line: its length in mm",
  drawn: line,
  start: ({ plane, place: at, point }) => {
    line.value = { plane, slice: sliceAt(plane, at), from: point, to: point };
  },
  move: ({ point }) => {
    if (line.value) line.value = { ...line.value, to: point };
  },
  draw(plane, context, at, scale) {
    const drawn = line.peek();
    if (!drawn || drawn.plane !== plane || drawn.slice !== sliceAt(plane, place.peek())) return;
    context.strokeStyle = context.fillStyle = "rgb(120 255 180)";
    context.lineWidth = 2 * scale;
    context.beginPath();
    context.moveTo(...at(...drawn.from));
    context.lineTo(...at(...drawn.to));
    context.stroke();
    context.font = `${13 * scale}px system-ui`;
    const [x, y] = at(...drawn.to);
    context.fillText(`${lengthOf(drawn).toFixed(1)} mm`, x + 6 * scale, y - 6 * scale);
  },
};

export const tool = signal<Tool>(pointer);
