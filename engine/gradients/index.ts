// The gradients of the ops that most networks are made of. Only grad.ts imports this: a page that only infers bundles
// none of it, a page that differentiates all. So an op that most networks lack and that has kernels or WGSL functions
// of its own (lookups, running sums, average pooling, contextual similarity, angles, powers, the error function) has no
// rule here: the function that applies it attaches the derivative by withGradient (ops/pass.ts), and a page that does
// not call the function bundles neither.
import type { Op } from "../op.ts";
import { activations } from "./activation.ts";
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { products } from "./matmul.ts";
import { movements } from "./movement.ts";
import { norms } from "./norm.ts";
import { paddings } from "./padding.ts";
import { passes } from "./pass.ts";
import { poolings } from "./pooling.ts";
import { reductions } from "./reduction.ts";
import { resizings } from "./resizing.ts";
import type { Gradient } from "./rule.ts";

/** The rule of each op; an op without one, and without a pass over it, is a constant to grad. */
export const gradients: ReadonlyMap<Op, Gradient[1]> = new Map([
  ...elementwise,
  ...activations,
  ...passes,
  ...movements,
  ...reductions,
  ...norms,
  ...products,
  ...convolutions,
  ...poolings,
  ...resizings,
  ...paddings,
]);
