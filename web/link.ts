// The line between page and worker: Comlink, with errors that keep their code and AbortSignals that go across.
import { CmedlError, type ErrorData } from "../errors/cmedl-error.ts";
import { transferHandlers } from "comlink";

type Thrown = { value: unknown };
type Carried = { readonly error: ErrorData } | { readonly aborted: true };

const isAbort = (value: unknown): boolean => value instanceof Error && value.name === "AbortError";
const throwHandler = transferHandlers.get("throw")!;

/** Must be called on both sides before anything is exposed or wrapped. */
export function prepareLink(): void {
  transferHandlers.set("throw", {
    canHandle: (value): value is Thrown => throwHandler.canHandle(value),
    serialize({ value }: Thrown): [Carried, Transferable[]] {
      return [isAbort(value) ? { aborted: true } : { error: CmedlError.from(value).toJSON() }, []];
    },
    deserialize(carried: Carried): never {
      if ("aborted" in carried) throw new DOMException("stopped", "AbortError");
      throw CmedlError.from(carried.error);
    },
  });
  transferHandlers.set("signal", {
    canHandle: (value): value is AbortSignal => value instanceof AbortSignal,
    serialize(signal: AbortSignal): [{ aborted: boolean; port: MessagePort }, Transferable[]] {
      const { port1, port2 } = new MessageChannel();
      signal.addEventListener("abort", () => port1.postMessage(null), { once: true });
      return [{ aborted: signal.aborted, port: port2 }, [port2]];
    },
    deserialize({ aborted, port }: { aborted: boolean; port: MessagePort }): AbortSignal {
      const controller = new AbortController();
      const abort = (): void => controller.abort(new DOMException("stopped", "AbortError"));
      port.onmessage = abort;
      if (aborted) abort();
      return controller.signal;
    },
  });
}
