// Segments uploaded volumes: POST a NIfTI file, get its mask. `node tools/run.mjs examples/server.ts MODEL.safetensors`
import { readFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { CmedlError, Device } from "cmedl";
import { parseNifti, writeNifti } from "cmedl/data";
import { Segmenter, loadModel } from "cmedl/inference";
import { openNodeGpu } from "cmedl/node";

const [, , file = "model.safetensors"] = process.argv;
const MOST_BYTES = Number(process.env.MOST_BYTES ?? 2 ** 28);
const TOO_LARGE = new CmedlError("data", `the upload is larger than ${MOST_BYTES} bytes; crop the image`);

/** The body as it comes in, never more of it than MOST_BYTES. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  if (Number(request.headers["content-length"] ?? 0) > MOST_BYTES) throw TOO_LARGE;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw TOO_LARGE;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
const segmenter = await Segmenter.open(device, loadModel(await readFile(file), file));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  response.on("close", () => left.abort()); // who hung up waits for nothing
  try {
    if (request.method !== "POST") return void response.writeHead(405, { allow: "POST" }).end();
    const volume = parseNifti(await bodyOf(request), "the upload");
    const mask = await segmenter.segment(volume, { signal: left.signal }); // volumes take turns, slice by slice
    const file = writeNifti(mask, volume, { gzip: true });
    response.writeHead(200, { "content-type": "application/gzip" }).end(file);
  } catch (error) {
    if (left.signal.aborted) return;
    const { code, message } = CmedlError.from(error);
    const status = error === TOO_LARGE ? 413 : code === "data" ? 422 : 500;
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify({ code, message }));
  }
}

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  const { port } = server.address() as { port: number };
  console.log(`http://127.0.0.1:${port}/ segments NIfTI files of at most ${MOST_BYTES} bytes by ${file}`);
});
