// The text of a module that reads copies in storage textures instead of buffers.
import { TEXELS_IN_ROW, TEXEL_FORMAT } from "../../kernels/texels.ts";
import { hasOnlyElements, withElements } from "./elements.ts";

const TEXEL_AT = `fn texelAt(i : u32) -> vec2<u32> { return vec2<u32>(i % ${TEXELS_IN_ROW}u, i / ${TEXELS_IN_ROW}u); }`;

/** Whether a module does nothing with an array but read elements of it, each within a line. */
export const canReadTexels = hasOnlyElements;

/** A module in which these arrays are textures and their elements, `name[i]`, texels. Lines stay where they are. */
export function readTexels(
  wgsl: string,
  arrays: readonly { readonly binding: number; readonly name: string }[],
): string {
  if (arrays.length === 0) return wgsl;
  const declared = arrays.reduce(
    (text, { binding, name }) =>
      text.replace(
        new RegExp(`^@group\\(0\\) @binding\\(${binding}\\) var<storage, read> ${name} : [^;]+;`, "m"),
        `@group(0) @binding(${binding}) var ${name} : texture_storage_2d<${TEXEL_FORMAT}, read>;`,
      ),
    wgsl,
  );
  const names = arrays.map(({ name }) => name);
  const text = withElements(declared, names, (name, index) => `textureLoad(${name}, texelAt(u32(${index})))`);
  return `${text}\n${TEXEL_AT}`;
}
