// Losses between an image and its reconstruction.
import type { Tensor } from "../engine/index.ts";
import { l1Loss } from "./elementwise.ts";

/** Eq. (6), one direction: mean ‖reconstructed − x‖₁, x there and back through both generators. Scalar. */
export const cycle = (reconstructed: Tensor, x: Tensor): Tensor => l1Loss(reconstructed, x);

/** mean |G(y) − y| for an image y that is of G's target modality already (CycleGAN; not in the paper). Scalar. */
export const identity = (translated: Tensor, y: Tensor): Tensor => l1Loss(translated, y);
