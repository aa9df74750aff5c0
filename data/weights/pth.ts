// PyTorch's own files (.pth, .pt). They hold one pickled object and the storages of its tensors; the restricted
// unpickler reads the object, so nothing runs.
import { DataError } from "../errors.ts";
import type { SafetensorsTensor } from "./safetensors.ts";
import { findStateDict } from "./state-dict.ts";
import { rowMajor } from "./strided.ts";
import { readLegacy, readZip } from "./torch-containers.ts";
import { isZip } from "./zip.ts";

export interface Pth {
  readonly tensors: Map<string, SafetensorsTensor>;
  /** Where in the file's object the state dict stood: "state_dict", or "" where it is the object itself. */
  readonly key: string;
  /** Names of what else the file is made of ("numpy.core.multiarray.scalar"); it was not read, and nothing was run. */
  readonly unread: readonly string[];
}

/**
 * The state dict of a file: the object itself, or what it holds under `key` ("a.b" goes deeper), or else under one of
 * the usual names (state_dict, model, net, …), or the only dict of tensors in it. Views are made contiguous; what is
 * no tensor is left out unread. Throws DataError where the file is damaged, lies about sizes, holds no single state
 * dict, or one with a tensor that is not read: quantized, sparse, complex.
 */
export function readPth(bytes: Uint8Array, file = "pth", key?: string): Pth {
  const { object, unread, storageBytes } = isZip(bytes) ? readZip(bytes, file) : readLegacy(bytes, file);
  const found = findStateDict(object, unread, file, key);
  const allocate = limitedTo(4 * bytes.length + 16 * 2 ** 20, file);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const [name, tensor] of found.dict)
    tensors.set(name, rowMajor(tensor, storageBytes(tensor.storage), name, file, allocate));
  return { tensors, key: found.key, unread: [...unread] };
}

/**
 * Limits what is copied: a few bytes of strides can ask for any number of elements. Contiguous tensors are views of the
 * file.
 */
function limitedTo(limit: number, file: string): (bytes: number, name: string) => void {
  let left = limit;
  return (bytes, name) => {
    left -= bytes;
    if (left >= 0) return;
    const problem = `would unfold into ${bytes} bytes, far more than the file holds`;
    throw new DataError(file, `tensor ${name}`, problem, "save it contiguous: tensor.contiguous()");
  };
}
