export function packageOf(specifier: string): string;
export function installedPackages(): Set<string>;
export function importedNames(text: string): { from: string; names: string[] }[];
export function licence(folder: string): string;
