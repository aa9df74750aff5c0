// What is open and shown: signals that components read. Only functions of this module and of panels change them.
import { computed, signal } from "@preact/signals";
import { isSameGrid } from "../data/alignment.ts";
import type { ErrorData } from "../errors/cmedl-error.ts";
import type { Label } from "../inference/index.ts";
import { type Window, firstWindow } from "./view/draw.ts";
import type { Place } from "./view/planes.ts";
import type { Opened, OpenedFiles, OpenedImage, OpenedMask, OpenedModel } from "./worker/files.ts";
import type { Progress } from "./worker/segmenting.ts";

export const TABS = ["see", "segment", "correct", "train", "kernels"] as const;
export type Tab = (typeof TABS)[number];
export const tab = signal<Tab>("see");

export const opened = signal<readonly Opened[]>([]);
export const images = computed(() => opened.value.filter((o): o is OpenedImage => o.kind === "image"));
export const masks = computed(() => opened.value.filter((o): o is OpenedMask => o.kind === "mask"));
export const models = computed(() => opened.value.filter((o): o is OpenedModel => o.kind === "model"));
/** The number of the model that was chosen. */
export const modelId = signal<number | undefined>(undefined);
/** The model that is used: the one that was chosen, else the newest. */
export const model = computed(() => models.value.find(({ id }) => id === modelId.value) ?? models.value.at(-1));

/** The image that is shown. */
export const image = signal<OpenedImage | undefined>(undefined);
/** The expert's mask on it. */
export const expert = signal<OpenedMask | undefined>(undefined);
/** What the algorithm made of it, or what was drawn; `version` counts its changes. */
export const mask = signal<
  { readonly data: Uint8Array<ArrayBuffer>; readonly labels: readonly Label[]; readonly version: number } | undefined
>(undefined);
export const place = signal<Place>([0, 0, 0]);
export const shownWindow = signal<Window>({ low: 0, high: 1 });
export const opacity = signal(0.35);

/** What is under way, with what ends it; one long piece of work at a time. */
export const work = signal<(Progress & { readonly stop: () => void }) | undefined>(undefined);
/** The line below the header: the last piece of news, or what went wrong. */
export const news = signal<{ readonly text: string; readonly isError: boolean } | undefined>(undefined);

export const say = (text: string): void => {
  news.value = { text, isError: false };
};
export function tellError(error: unknown): void {
  const { name, message } = error as Error;
  news.value = name === "AbortError" ? { text: "stopped", isError: false } : { text: message, isError: true };
}

/** Masks of images that are not shown, by the images' numbers. */
const masksAside = new Map<number, NonNullable<typeof mask.value>>();

/** Shows an image, from its middle slice, with the mask that it had when it was last shown. */
export function show(next: OpenedImage): void {
  if (image.value && mask.value) masksAside.set(image.value.id, mask.value);
  image.value = next;
  const [nx, ny, nz] = next.shape;
  place.value = [nx >> 1, ny >> 1, nz >> 1];
  shownWindow.value = firstWindow(next.data);
  mask.value = masksAside.get(next.id);
  expert.value = masks.value.find((m) => isSameGrid(next, m));
}

/** Forgets something that was open, and shows another image where it was the one that is shown. */
export function close(item: Opened): void {
  opened.value = opened.value.filter((o) => o !== item);
  masksAside.delete(item.id);
  if (expert.value === item) expert.value = undefined;
  if (image.value !== item) return;
  mask.value = undefined;
  image.value = undefined;
  const [next] = images.value;
  if (next) show(next);
}

/** Takes in what was opened, and shows the first image of it. */
export function takeIn({ opened: found, faults }: OpenedFiles): void {
  opened.value = [...opened.value, ...found];
  const first = found.find((o): o is OpenedImage => o.kind === "image");
  if (first) show(first);
  else if (image.value && !expert.value) {
    const { value: shown } = image;
    expert.value = masks.value.find((m) => isSameGrid(shown, m));
  }
  if (faults.length > 0) news.value = { text: textOf(faults), isError: true };
  else say(found.map(({ name }) => name).join(", "));
}

const textOf = ([first, ...more]: readonly ErrorData[]): string =>
  `${first!.message}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;

/** Does a long piece of work, whose progress and end the header shows; errors appear below it. */
export async function during<T>(
  what: string,
  f: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  if (work.value) {
    say(`${work.value.what} goes on: stop it first, or wait`);
    return undefined;
  }
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  work.value = { what, part: 0, stop };
  try {
    return await f((progress) => {
      if (work.value) work.value = { ...progress, stop };
    }, controller.signal);
  } catch (error) {
    tellError(error);
    return undefined;
  } finally {
    work.value = undefined;
  }
}
