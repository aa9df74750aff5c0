/** WGSL without what only readers need. */
export function minifyWgsl(text: string): string;
