// Resizing: the suite's NCHW around the engine's NHWC.
import { resize as resizeImage } from "../../../engine/index.ts";
import { type Adapters, single, toNCHW, toNHWC } from "../adapter.ts";

type ResizeAttrs = { mode: "nearest" | "bilinear"; size: [number, number]; align_corners?: boolean };

export const resize: Adapters = {
  resize: single(({ mode, size, align_corners }: ResizeAttrs, { x }) =>
    toNCHW(resizeImage(toNHWC(x), size, { mode, alignCorners: mode === "bilinear" && align_corners === true })),
  ),
};
