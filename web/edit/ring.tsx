// A ring under the pointer, as large on the plane as the brush.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { image } from "../state.ts";
import { PLANES, sizeOfPlane } from "../view/planes.ts";
import { tool } from "../view/tools.ts";
import { brush, brushMm, eraser } from "./tools.ts";

/** Where on the page it is, and how many pixels of the page a mm has there. */
const at = signal<{ readonly x: number; readonly y: number; readonly perMm: number } | undefined>(undefined);

export function BrushRing(): JSX.Element | null {
  useEffect(followPointer, []);
  const shown = at.value;
  if (!shown || (tool.value !== brush && tool.value !== eraser)) return null;
  const side = brushMm.value * shown.perMm;
  return (
    <div
      class="brush-ring"
      style={{
        width: `${side}px`,
        height: `${side}px`,
        transform: `translate(${shown.x - side / 2}px, ${shown.y - side / 2}px)`,
      }}
    />
  );
}

function followPointer(): () => void {
  const follow = ({ target, clientX, clientY }: PointerEvent): void => {
    const canvas = target instanceof HTMLCanvasElement ? target : undefined;
    const figure = canvas?.closest(".plane");
    const plane = PLANES.find((name) => figure?.classList.contains(name));
    if (!canvas || !plane || !image.value) {
      at.value = undefined;
      return;
    }
    const { width, pixelMm } = sizeOfPlane(plane, image.value.shape, image.value.spacingMm);
    at.value = { x: clientX, y: clientY, perMm: canvas.clientWidth / (width * pixelMm[0]) };
  };
  const ended = new AbortController();
  for (const type of ["pointermove", "pointerdown", "pointerout"] as const)
    document.addEventListener(type, follow, { signal: ended.signal, passive: true });
  return () => {
    ended.abort();
    at.value = undefined;
  };
}
