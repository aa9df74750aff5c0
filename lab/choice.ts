// Kernels chosen by hand: an op lowers as ever, but what its lists select, the values of tunables, and the text of one
// kernel are the developer's.
import { CmedlError, type Device, type Tensor } from "../engine/index.ts";
import { ancestors } from "../engine/ancestors.ts";
import type { KernelOp, Lowering, Op } from "../engine/op.ts";
import { show } from "../engine/shape.ts";
import { Node } from "../engine/tensor.ts";
import type { Consts, Kernel, Params, Traits } from "../kernels/kernel.ts";

export interface Choice {
  /** Names of kernels, each taken from the lists that have it. */
  readonly kernels?: readonly string[];
  /** Values of tunables, for the kernels that have them. */
  readonly tunables?: Consts;
  /** A kernel whose text takes the place of that of the kernel of its name. */
  readonly variant?: Kernel;
}

/** A list that an op chose from. */
export interface Offer {
  readonly op: string;
  /** Those that can do the problem. */
  readonly fitting: readonly Kernel[];
  readonly all: readonly Kernel[];
  readonly chosen: Kernel;
  readonly params: Params;
}

/** A kernel was chosen by hand that can't do the problem. */
export class UnfitError extends CmedlError {
  override readonly name = "UnfitError";
  constructor(message: string) {
    super("usage", message);
  }
}

/** Kernels of Winograd's way are chosen where that pays; by hand, wherever they can. */
const fits = (kernel: Kernel, params: Params, traits: Traits): boolean =>
  kernel.fits?.(params, { ...traits, winograd: true }) ?? true;

/** Every combination of a kernel's tunables, what ships first. */
export const combinations = (kernel: Kernel): Consts[] =>
  Object.entries(kernel.tunables ?? {}).reduce<Consts[]>(
    (all, [name, values]) => all.flatMap((c) => values.map((v) => ({ ...c, [name]: v }))),
    [{}],
  );

/**
 * The same results by the kernels of the choice; `onOffer` hears of each list that was chosen from, when they are
 * lowered. Lowering throws UnfitError where a chosen kernel can't do what its op asks of it.
 */
export function byChoice<R extends Record<string, Tensor>>(results: R, choice: Choice, onOffer = noOffer): R {
  const ops = new Map<Op, Op>();
  const stands = new Map<Tensor, Tensor>();
  const standing = (t: Tensor): Tensor => stands.get(t) ?? t;
  for (const node of ancestors(Object.values(results))) {
    const op = node.op.kind === "kernel" ? (ops.get(node.op) ?? chosenOp(node.op, choice, onOffer)) : node.op;
    ops.set(node.op, op);
    if (op === node.op && node.inputs.every((t) => !stands.has(t))) continue;
    const { outputs } = new Node(op, node.inputs.map(standing), node.attrs);
    for (const t of node.outputs) stands.set(t, outputs[t.index]!);
  }
  return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, standing(t)])) as R;
}
const noOffer = (_: Offer): void => {};

function chosenOp(op: KernelOp, choice: Choice, onOffer: (offer: Offer) => void): KernelOp {
  const { kernels: names = [], tunables = {}, variant } = choice;
  const lower: KernelOp["lower"] = (l, attrs) => {
    const select: Lowering["select"] = (all, params) => {
      const named = all.find(({ name }) => names.includes(name));
      if (named && !fits(named, params, l.traits))
        throw new UnfitError(
          `${named.name} can't do ${op.name} ${l.inputs.map(({ shape }) => show(shape)).join(" ")} on this device; ` +
            `what can: ${namesOf(all.filter((k) => fits(k, params, l.traits)))}`,
        );
      const chosen = named ?? l.select(all, params);
      onOffer({ op: op.name, all, fitting: all.filter((k) => fits(k, params, l.traits)), chosen, params });
      return chosen;
    };
    const textOf = (kernel: Kernel): Kernel => (variant && kernel.name === variant.name ? variant : kernel);
    const constsOf = (kernel: Kernel, consts: Consts = {}): Consts => ({
      ...consts,
      ...Object.fromEntries(Object.entries(tunables).filter(([name]) => isSet(textOf(kernel), name, variant))),
    });
    op.lower(
      {
        ...l,
        select,
        dispatch: (kernel, params, buffers, consts) =>
          l.dispatch(textOf(kernel), params, buffers, constsOf(kernel, consts)),
        dispatchItems: (kernel, params, items, whole) => l.dispatchItems(textOf(kernel), params, items, whole),
      },
      attrs,
    );
  };
  return { ...op, lower };
}

/** Whether a kernel has a tunable of this name; a text of one's own may have seams that the shipped one lacks. */
const isSet = (kernel: Kernel, name: string, variant: Kernel | undefined): boolean =>
  name in (kernel.tunables ?? {}) || (kernel === variant && kernel.constNames.includes(name));

export const namesOf = (kernels: readonly Kernel[]): string => kernels.map(({ name }) => name).join(", ");

/** The lists that these results are chosen from, made by this choice. Throws as compiling does. */
export function offersOf(device: Device, build: () => Record<string, Tensor>, choice: Choice): Offer[] {
  const offers: Offer[] = [];
  device.estimate(() => byChoice(build(), choice, (offer) => void offers.push(offer)), {}, { mode: "train" });
  return offers;
}

/**
 * Every choice that the offers leave: each kernel that fits, at each combination of its tunables. The lists are taken
 * one at a time, the others as the choice has them.
 */
export function choicesOf(offers: readonly Offer[], choice: Choice): Choice[] {
  const { kernels = [] } = choice;
  const lists = new Map(offers.map((offer) => [namesOf(offer.all), offer]));
  return [...lists.values()].flatMap(({ all, fitting, chosen }) => {
    const named = all.find(({ name }) => kernels.includes(name));
    return (named ? [chosen] : fitting).flatMap((kernel) =>
      combinations(kernel).map(
        (tunables): Choice => ({
          ...choice,
          kernels: [...new Set([...kernels, kernel.name])],
          tunables: { ...tunables, ...choice.tunables },
        }),
      ),
    );
  });
}
