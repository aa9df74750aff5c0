// Masks tidied after segmentation: their largest connected parts kept, holes within them filled. Masks are class
// numbers of a volume's voxels, 0 the background; each structure is looked at by itself.
import type { Shape3 } from "./volume.ts";

/** Voxels that touch by a side, an edge or a corner are connected: 26 neighbours. */
const NEIGHBOURS = [-1, 0, 1].flatMap((z) => [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => ({ x, y, z }))));

/**
 * A mask of which each structure has its `count` largest parts, 26-connected; the others become background. Of equal
 * ones the first in storage order is kept. Throws RangeError where `count` is no whole number above 0.
 */
export function keepLargest(classes: Uint8Array, shape: Shape3, count: number): Uint8Array<ArrayBuffer> {
  if (!(Number.isSafeInteger(count) && count > 0)) throw new RangeError(`keepLargest: ${count} parts; give 1 or more`);
  const { parts, sizes } = componentsOf(classes, shape);
  const kept = new Set<number>();
  for (const structure of new Set(sizes.map((s) => s.structure)))
    sizes
      .map((s, i) => ({ ...s, part: i + 1 }))
      .filter((s) => s.structure === structure)
      .sort((a, b) => b.voxels - a.voxels) // stable: the first of equals stays first
      .slice(0, count)
      .forEach(({ part }) => kept.add(part));
  return Uint8Array.from(classes, (k, i) => (kept.has(parts[i]!) ? k : 0));
}

interface Components {
  /** The number of each voxel's part, from 1 in storage order of their first voxels; 0 for the background. */
  readonly parts: Int32Array;
  /** Of part n at n − 1. */
  readonly sizes: readonly { readonly structure: number; readonly voxels: number }[];
}

/** The 26-connected parts of every structure. */
export function componentsOf(classes: Uint8Array, [nx, ny, nz]: Shape3): Components {
  const parts = new Int32Array(classes.length);
  const sizes: { structure: number; voxels: number }[] = [];
  const waiting: number[] = [];
  for (let first = 0; first < classes.length; first++) {
    const structure = classes[first]!;
    if (structure === 0 || parts[first] !== 0) continue;
    const part = sizes.length + 1;
    let voxels = 0;
    parts[first] = part;
    waiting.push(first);
    for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
      voxels++;
      const x = i % nx;
      const y = Math.floor(i / nx) % ny;
      const z = Math.floor(i / (nx * ny));
      for (const step of NEIGHBOURS) {
        const [u, v, w] = [x + step.x, y + step.y, z + step.z];
        if (u < 0 || v < 0 || w < 0 || u >= nx || v >= ny || w >= nz) continue;
        const j = u + nx * (v + ny * w);
        if (classes[j] !== structure || parts[j] !== 0) continue;
        parts[j] = part;
        waiting.push(j);
      }
    }
    sizes.push({ structure, voxels });
  }
  return { parts, sizes };
}

/**
 * A mask whose structures have no holes within axial slices [ny, nx]: background from which no way by the sides of
 * pixels leads to the slice's border but through the structure becomes the structure. What another structure fills
 * stays; background within holes of two is of the lower class.
 */
export function fillHoles(classes: Uint8Array, [nx, ny, nz]: Shape3): Uint8Array<ArrayBuffer> {
  const filled = Uint8Array.from(classes);
  const n = nx * ny;
  for (let z = 0; z < nz; z++) {
    const slice = classes.subarray(z * n, (z + 1) * n);
    const structures = [...new Set(slice)].filter((k) => k > 0).sort((a, b) => a - b);
    for (const structure of structures) {
      const outside = outsideOf(slice, structure, nx, ny);
      for (let i = 0; i < n; i++)
        if (outside[i] === 0 && slice[i] === 0 && filled[z * n + i] === 0) filled[z * n + i] = structure;
    }
  }
  return filled;
}

/** 1 for the pixels that a way from the border leads to without the structure, by the sides of pixels. */
function outsideOf(slice: Uint8Array, structure: number, nx: number, ny: number): Uint8Array {
  const outside = new Uint8Array(slice.length);
  const waiting: number[] = [];
  const reach = (i: number): void => {
    if (slice[i] === structure || outside[i] === 1) return;
    outside[i] = 1;
    waiting.push(i);
  };
  for (let x = 0; x < nx; x++) {
    reach(x);
    reach(x + nx * (ny - 1));
  }
  for (let y = 0; y < ny; y++) {
    reach(nx * y);
    reach(nx * y + nx - 1);
  }
  for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
    const x = i % nx;
    if (x > 0) reach(i - 1);
    if (x < nx - 1) reach(i + 1);
    if (i >= nx) reach(i - nx);
    if (i < slice.length - nx) reach(i + nx);
  }
  return outside;
}
