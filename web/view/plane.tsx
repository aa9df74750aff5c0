// One plane of the image as a canvas: the slice, masks on it, the place in the other planes. Wheel and keys go through
// slices, a drag with the right button (or Shift) sets the window; what the left button does is the tool's.
import { useEffect, useRef } from "preact/hooks";
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { expert, image, mask, opacity, place, shownWindow } from "../state.ts";
import type { OpenedImage } from "../worker/files.ts";
import { type Rgb, type Window, contoursOf, greyPixels, tintPixels } from "./draw.ts";
import { type Place, type PlaneName, layoutOf, onSlice, pixelOf, planeOf, sizeOfPlane, sliceAt } from "./planes.ts";
import { type Point, tool } from "./tools.ts";

/** Colours of the algorithm's labels, and of the expert's. */
export const ALGORITHM: readonly Rgb[] = [
  [255, 64, 64],
  [80, 180, 255],
  [90, 220, 120],
  [255, 165, 60],
  [200, 120, 255],
];
const EXPERT: readonly Rgb[] = [[255, 225, 60]];

export const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

export function Plane({ plane }: { readonly plane: PlaneName }): JSX.Element | null {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => keepDrawn(plane, canvas.current!), [plane]);
  const shown = image.value;
  if (!shown) return null;
  const { count } = sizeOfPlane(plane, shown.shape, shown.spacingMm);
  const index = sliceAt(plane, place.value);
  const go = (to: number): void => {
    place.value = onSlice(plane, place.value, to, shown.shape);
  };
  const key = (event: KeyboardEvent): void => {
    const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(index + step);
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    go(index + Math.sign(event.deltaY));
  };
  const label = `${plane}, slice ${index + 1} of ${count}`;
  return (
    <figure class={`plane ${plane}`}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`${shown.name}: ${label}`}
        onKeyDown={key}
        onWheel={wheel}
        onContextMenu={(event) => event.preventDefault()}
        onPointerDown={(event) => startDrag(plane, event)}
      />
      <figcaption>
        <input
          type="range"
          min={0}
          max={count - 1}
          value={index}
          aria-label={`slice of the ${plane} plane`}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
        <span>{label}</span>
      </figcaption>
    </figure>
  );
}

/** Redraws a plane, at most once a frame, whenever what it shows changes; returns what ends that. */
function keepDrawn(plane: PlaneName, canvas: HTMLCanvasElement): () => void {
  let asked = 0;
  const grey = new GreySlice();
  const redraw = (): void => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => draw(plane, canvas, grey));
  };
  const end = effect(() => {
    void [image.value, mask.value, expert.value, place.value, shownWindow.value, opacity.value, tool.value.drawn.value];
    const busy = tool.value.on?.value;
    if (busy === undefined || busy === plane) redraw();
  });
  const resized = new ResizeObserver(redraw);
  resized.observe(canvas);
  return () => {
    end();
    resized.disconnect();
    cancelAnimationFrame(asked);
  };
}

/** The slice in grey, made again only where another one is shown: a brush changes only the mask over it. */
class GreySlice {
  #of: readonly unknown[] = [];
  #pixels = new OffscreenCanvas(1, 1);

  pixels(plane: PlaneName, { data, shape }: OpenedImage, at: Place, window: Window): OffscreenCanvas {
    const of = [data, sliceAt(plane, at), window];
    if (of.some((part, i) => part !== this.#of[i])) {
      const { width, height } = layoutOf(plane, shape);
      this.#pixels = pixelsOf(greyPixels(planeOf(data, plane, at, shape), window), width, height);
      this.#of = of;
    }
    return this.#pixels;
  }
}

function pixelsOf(rgba: Uint8ClampedArray<ArrayBuffer>, width: number, height: number): OffscreenCanvas {
  const pixels = new OffscreenCanvas(width, height);
  pixels.getContext("2d")!.putImageData(new ImageData(rgba, width, height), 0, 0);
  return pixels;
}

function draw(plane: PlaneName, canvas: HTMLCanvasElement, grey: GreySlice): void {
  const shown = image.peek();
  const context = canvas.getContext("2d");
  if (!shown || !context) return;
  const { shape, spacingMm } = shown;
  const size = sizeOfPlane(plane, shape, spacingMm);
  const scale = devicePixelRatio;
  canvas.style.setProperty("--aspect", String(size.aspect));
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(width * size.aspect);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const at = place.peek();
  const [sx, sy] = [width / size.width, height / size.height];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.imageSmoothingEnabled = true;
  const paint = (pixels: OffscreenCanvas): void => context.drawImage(pixels, 0, 0, width, height);
  paint(grey.pixels(plane, shown, at, shownWindow.peek()));
  context.imageSmoothingEnabled = false;
  const layers = [
    { of: mask.peek(), colours: ALGORITHM, tinted: true },
    { of: expert.peek(), colours: EXPERT, tinted: false },
  ];
  for (const { of, colours, tinted } of layers) {
    if (!of || of.data.length !== shown.data.length) continue;
    const labels = planeOf(of.data, plane, at, shape);
    if (tinted) paint(pixelsOf(tintPixels(labels, colours, opacity.peek()), size.width, size.height));
    context.lineWidth = 1.5 * scale;
    for (const [label, edges] of contoursOf(labels, size)) {
      context.strokeStyle = css(colours[(label - 1) % colours.length]!);
      context.beginPath();
      for (let i = 0; i < edges.length; i += 4) {
        context.moveTo(edges[i]! * sx, edges[i + 1]! * sy);
        context.lineTo(edges[i + 2]! * sx, edges[i + 3]! * sy);
      }
      context.stroke();
    }
  }
  const [column, row] = pixelOf(plane, at, shape);
  context.strokeStyle = "rgb(120 200 255 / 45%)";
  context.lineWidth = scale;
  context.beginPath();
  context.moveTo((column + 0.5) * sx, 0);
  context.lineTo((column + 0.5) * sx, height);
  context.moveTo(0, (row + 0.5) * sy);
  context.lineTo(width, (row + 0.5) * sy);
  context.stroke();
  tool.peek().draw?.(plane, context, (x, y) => [x * sx, y * sy], scale);
}

/** Follows a pointer from its press on a plane to its release. */
function startDrag(plane: PlaneName, event: PointerEvent): void {
  const canvas = event.currentTarget as HTMLCanvasElement;
  const shown = image.peek();
  if (!shown) return;
  canvas.focus();
  canvas.setPointerCapture(event.pointerId);
  const { width, height } = sizeOfPlane(plane, shown.shape, shown.spacingMm);
  const pointOf = ({ clientX, clientY }: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
  };
  const setsWindow = event.button === 2 || event.shiftKey;
  const { low, high } = shownWindow.peek();
  const began = event;
  const atPress = place.peek();
  const used = tool.peek();
  const move = (moved: PointerEvent): void => {
    if (setsWindow) {
      const [centre, wide] = [(low + high) / 2, high - low];
      const newWide = Math.max(wide * 2 ** ((moved.clientX - began.clientX) / 200), 1e-3);
      const newCentre = centre + ((began.clientY - moved.clientY) / 300) * wide;
      shownWindow.value = { low: newCentre - newWide / 2, high: newCentre + newWide / 2 };
    } else used.move?.({ plane, place: atPress, point: pointOf(moved) });
  };
  const end = (last: PointerEvent): void => {
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", end);
    canvas.removeEventListener("pointercancel", end);
    if (!setsWindow) used.end?.({ plane, place: atPress, point: pointOf(last) });
  };
  if (!setsWindow) used.start({ plane, place: atPress, point: pointOf(event) });
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}
