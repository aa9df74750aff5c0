// The text of a module that reads copies in storage textures instead of buffers.
import { TEXELS_IN_ROW } from "../../kernels/texels.ts";
import { hasOnlyElements, withElements } from "./elements.ts";

const TEXEL_AT = `fn texelAt(i : u32) -> vec2<u32> { return vec2<u32>(i % ${TEXELS_IN_ROW}u, i / ${TEXELS_IN_ROW}u); }`;

/** Whether a module does nothing with an array but read elements of it, each within a line. */
export const canReadTexels = hasOnlyElements;

/** A module in which the elements of these arrays, `name[i]`, are texels. Lines stay where they are. */
export function readTexels(wgsl: string, names: readonly string[]): string {
  if (names.length === 0) return wgsl;
  const text = withElements(wgsl, names, (name, index) => `textureLoad(${name}, texelAt(u32(${index})))`);
  return `${text}\n${TEXEL_AT}`;
}
