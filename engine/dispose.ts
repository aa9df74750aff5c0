// The names of what `using` and `await using` call at the end of a block, where an engine has no such names yet too:
// Safari 18 and Firefox 140 have none. Then they are those that esbuild, Babel and polyfills agree on.

/** Symbol.dispose, by which `using` disposes of what the engine makes. */
export const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
/** Symbol.asyncDispose, of `await using`. */
export const ASYNC_DISPOSE: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
