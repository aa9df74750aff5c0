/** WGSL without what only readers need. */
export function minifyWgsl(text: string): string;
export const packedWgsl: import("esbuild").Plugin;
