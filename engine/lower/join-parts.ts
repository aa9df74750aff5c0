// Joins of many small parts, such as the gradients of a network's gains and biases: the parts in few dispatches.
import { map } from "../../kernels/map/map.ts";
import type { AtLeastOne } from "../op.ts";
import { show, sizeOf } from "../shape.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, makeDispatch, storageType, typeAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { emitFunction, emitIndexFunction, functionText } from "../wgsl/emit.ts";
import { vectorizes } from "../wgsl/indexer.ts";
import type { LoweredStage, Lowerer } from "./lower.ts";
import { type MapStage, type Piece, costOf, pieceOf, wholeBox } from "./map.ts";

/** Parts of more elements have dispatches of their own. */
const SMALL = 4096;

/** Small parts of a join that follow each other go with the first of them: as many as a dispatch can bind. */
export function joinParts(lowered: readonly LoweredStage[], lowerer: Lowerer): LoweredStage[] {
  const joined: { readonly first: LoweredStage; readonly pieces: Piece[] }[] = [];
  for (const one of lowered) {
    const piece = one.stage.kind === "part" ? smallPiece(lowerer.partStage(one.stage)) : undefined;
    const pieces = joined.at(-1)?.pieces ?? [];
    if (piece && goesWith(piece, pieces, lowerer.limits.maxStorageBuffers)) pieces.push(piece);
    else joined.push({ first: one, pieces: piece ? [piece] : [] });
  }
  return joined.map(({ first, pieces: [piece, ...others] }) =>
    piece && others.length > 0 ? { ...first, dispatches: [mapTogether([piece, ...others])] } : first,
  );
}

function goesWith(piece: Piece, pieces: readonly Piece[], maxStorageBuffers: number): boolean {
  const leaves = new Set([...pieces, piece].flatMap(({ e }) => e.leaves));
  return pieces[0]?.stage.into === piece.stage.into && leaves.size < maxStorageBuffers;
}

/** A part as a whole; undefined where it is large or can't be bound with others. */
function smallPiece(part: MapStage): Piece | undefined {
  const { value, into, maxBindingBytes } = part;
  if (value.size > SMALL || into.bytes > maxBindingBytes) return undefined;
  const piece = pieceOf(part, wholeBox(value));
  return piece?.e.leaves.every((leaf) => leaf.bytes <= maxBindingBytes) ? piece : undefined;
}

/** One dispatch for parts of one join: its elements are counted through all of them. */
function mapTogether(pieces: AtLeastOne<Piece>): Dispatch {
  const [{ stage, y }] = pieces;
  const { into } = stage;
  const width = pieces.every(isByFours) ? 4 : 1;
  const context = new HookContext(width);
  const lengths = pieces.map(({ e }) => sizeOf(e.domain) / width);
  /** The hook that calls that of the part among whose elements the i-th is. */
  const chosen = (name: string, type: string, emit: (signature: string, piece: Piece) => string): string => {
    let end = 0;
    const lines = pieces.map((piece, p) => {
      const own = `${name}${p}`;
      context.functions[own] = emit(`fn ${own}(i : u32) -> ${type}`, piece);
      const call = `return ${own}(i - ${context.number(end)});`;
      end += lengths[p]!;
      return p === pieces.length - 1 ? call : `if (i < ${context.number(end)}) { ${call} }`;
    });
    return functionText(`fn ${name}(i : u32) -> ${type}`, lines);
  };
  const costs = pieces.map(({ e }) => costOf(e, sizeOf(e.domain)));
  return makeDispatch({
    label: `${into.node.op.name} ${show(into.shape)}, ${pieces.length} parts`,
    kernel: map,
    params: { n: lengths.reduce((sum, n) => sum + n) },
    buffers: { y },
    aliases: { ...typeAliases(width), Y: storageType(into.dtype, width) },
    context,
    hooks: {
      value: chosen("value", "Y", (signature, { e }) =>
        emitFunction(signature, e, context, wholeLoop(e.domain), 0, { store: true }),
      ),
      place: chosen("place", "u32", (signature, { e, placed }) =>
        emitIndexFunction(signature, e.domain, placed, context, wholeLoop(e.domain), 0),
      ),
    },
    cost: {
      flops: costs.reduce((sum, { flops }) => sum + flops, 0),
      bytes: costs.reduce((sum, { bytes }) => sum + bytes, 0),
    },
  });
}

const isByFours = ({ e, placed }: Piece): boolean => vectorizes(e.domain, wholeLoop(e.domain), 0, [...e.views, placed]);
