// Padding of any rank in plain loops: walks outwards element by element, as the mode says.

export type Mode = "constant" | "reflect" | "replicate" | "circular" | "symmetric";

/** Which of n elements stands at coordinate t, by stepping back until inside; −1: none. */
export function source(t: number, n: number, mode: Mode): number {
  let i = t;
  while (i < 0 || i >= n) {
    switch (mode) {
      case "constant":
        return -1;
      case "replicate":
        i += i < 0 ? 1 : -1;
        break;
      case "circular":
        i += i < 0 ? n : -n;
        break;
      case "reflect":
        i = i < 0 ? -i : 2 * (n - 1) - i;
        break;
      case "symmetric":
        i = i < 0 ? -1 - i : 2 * n - 1 - i;
        break;
    }
  }
  return i;
}

export const padded = (shape: readonly number[], pads: readonly (readonly [number, number])[]): number[] =>
  pads.map(([low, high], d) => shape[d]! + low + high);

/**
 * Flat index in x of every element of the padded tensor, −1 for the constant. Negative pads crop before constant and
 * circular padding, after the others.
 */
export function sources(shape: readonly number[], pads: readonly (readonly [number, number])[], mode: Mode): number[] {
  let found = [0];
  shape.forEach((size, d) => {
    const [low, high] = pads[d]!;
    const first = mode === "constant" || mode === "circular";
    const from = first ? Math.max(-low, 0) : 0;
    const n = first ? size - from - Math.max(-high, 0) : size;
    const next: number[] = [];
    for (const i of found)
      for (let o = 0; o < size + low + high; o++) {
        const at = source(o - (first ? Math.max(low, 0) : low), n, mode);
        next.push(i < 0 || at < 0 ? -1 : i * size + from + at);
      }
    found = next;
  });
  return found;
}
