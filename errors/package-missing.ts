// Packages that users install beside the library where they need them, and the error where one is missing.
import { CmedlError } from "./cmedl-error.ts";

/** A package of npm's that a function needs is not installed; `packages` names what to install. */
export class PackageMissingError extends CmedlError {
  override readonly name = "PackageMissingError";
  constructor(
    purpose: string,
    readonly packages: readonly string[],
    options?: ErrorOptions,
  ) {
    const names = packages.join(" ");
    super("package-missing", `${purpose} needs what is not installed: npm install ${names}`, options);
  }
}

/** Codes of Node, and of bundles that load as it does, for a module that is not there. */
const CODES: readonly unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/** How a page says that a name leads to no module: in Chromium, in Firefox, in Safari, and as Vite bundled it. */
const SAID = [
  /^Failed to resolve module specifier/,
  /^The specifier .* was a bare specifier/,
  /^Module name, .* does not resolve to a valid URL/,
  /^Could not resolve .* Is it installed\?$/,
];

/** A failed import: one that found no module becomes a PackageMissingError, any other stays as it is. */
export function importFailure(error: unknown, purpose: string, packages: readonly string[]): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const missing = CODES.includes(code) || SAID.some((sentence) => sentence.test(String(message)));
  return missing ? new PackageMissingError(purpose, packages, { cause: error }) : error;
}
