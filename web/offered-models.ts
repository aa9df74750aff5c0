// Models that the page's server offers, where it has some: its index.html says where the list is then.
import { signal } from "@preact/signals";
import { open } from "./files.ts";

/** Their paths on the server. */
export const offered = signal<readonly string[]>([]);

/** Asks for the list. Throws where it can't be had. */
export async function askForModels(): Promise<void> {
  const list = document.querySelector<HTMLMetaElement>('meta[name="cmedl-models"]')?.content;
  if (list !== undefined) offered.value = (await (await answerOf(list)).json()) as string[];
}

/** Opens a model as one that was dropped. Throws where it can't be had. */
export async function openOffered(name: string): Promise<void> {
  const answer = await answerOf(`models/${name.split("/").map(encodeURIComponent).join("/")}`);
  const path = `${name.replaceAll("/", "-").replace(/\.zip$/i, "")}.zip`;
  await open([{ path, file: await answer.blob() }]);
}

async function answerOf(address: string): Promise<Response> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${await answer.text()}; load the page again`);
  return answer;
}
