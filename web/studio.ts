// The worker as the page sees it.
import { proxy, wrap } from "comlink";
import { prepareLink } from "./link.ts";
import { tellError } from "./state.ts";
import type { Studio } from "./worker/main.ts";

prepareLink();
const worker = new Worker("worker.js", { type: "module", name: "cmedl" });
worker.addEventListener("error", (event) => tellError(new Error(`the studio's worker ended: ${event.message}`)));

export const studio = wrap<Studio>(worker);
/** A function that the worker may call. */
export const callback = proxy;
