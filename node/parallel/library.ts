// The functions of MPI's library that are used, by way of koffi; and the handles, which the standard leaves to each
// implementation: Open MPI's are addresses of its symbols, MPICH's are numbers of its ABI (mpich-abi, 2013).
import { importFailure } from "../../errors/package-missing.ts";
import { CommandError } from "../errors.ts";
import type { MpiKind } from "./launcher.ts";

type Koffi = typeof import("koffi");
export type Handle = number | bigint;
/** Room for a handle that a function writes: MPI_Request, MPI_Comm. */
export type Room = BigInt64Array<ArrayBuffer>;
export const room = (): Room => new BigInt64Array(new ArrayBuffer(8));

type Bytes = ArrayBufferView<ArrayBuffer>;
type Place = [number];

export interface MpiLibrary {
  /** "Open MPI v4.1.4, …": the first line of what the library says of itself. */
  readonly version: string;
  readonly float: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  readonly world: Handle;
  Init(argc: null, argv: null): number;
  Finalize(): number;
  Abort(comm: Handle, code: number): number;
  Comm_rank(comm: Handle, rank: Place): number;
  Comm_size(comm: Handle, size: Place): number;
  Comm_dup(comm: Handle, made: Room): number;
  Iallreduce(from: Bytes, to: Bytes, count: number, type: Handle, op: Handle, comm: Handle, request: Room): number;
  Ialltoall(
    ...all: [Bytes, count: number, type: Handle, Bytes, count: number, type: Handle, comm: Handle, request: Room]
  ): number;
  Iallgather(
    ...all: [Bytes, count: number, type: Handle, Bytes, count: number, type: Handle, comm: Handle, request: Room]
  ): number;
  Isend(from: Bytes, count: number, type: Handle, to: number, tag: number, comm: Handle, request: Room): number;
  Irecv(to: Bytes, count: number, type: Handle, from: number, tag: number, comm: Handle, request: Room): number;
  Test(request: Room, isDone: Place, status: Bytes): number;
  Cancel(request: Room): number;
  /** A handle as a function takes it, out of the room that another wrote it to. */
  handleIn(room: Room): Handle;
}

/** What each function takes: H is a handle, P a pointer, O a number that it writes. */
const SIGNATURES = {
  Init: "PP",
  Finalize: "",
  Abort: "Hi",
  Comm_rank: "HO",
  Comm_size: "HO",
  Comm_dup: "HP",
  Iallreduce: "PPiHHHP",
  Ialltoall: "PiHPiHHP",
  Iallgather: "PiHPiHHP",
  Isend: "PiHiiHP",
  Irecv: "PiHiiHP",
  Test: "POP",
  Cancel: "P",
} as const;

/** Files that the library may be, most likely first. */
const FILES: Readonly<Record<MpiKind, readonly string[]>> = {
  "open-mpi": ["libmpi.so.40", "libmpi.so", "libmpi.dylib"],
  mpich: ["libmpich.so.12", "libmpi.so.12", "libmpi.so", "libmpi.dylib"],
};

/**
 * MPI's library: the file that CMEDL_MPI names, or the one that goes with the launcher. Throws PackageMissingError
 * without koffi, CommandError where no library loads.
 */
export async function loadMpi(kind: MpiKind): Promise<MpiLibrary> {
  const koffi = await import("koffi").catch((error: unknown) => {
    throw importFailure(error, "training by several processes", ["koffi"]);
  });
  const asked = process.env.CMEDL_MPI;
  // UCX, below MPICH, patches the C library to watch memory and catches SIGSEGV, both of which V8 has its own use for.
  process.env.UCX_MEM_EVENTS ??= "no";
  process.env.UCX_ERROR_SIGNALS ??= "SIGILL,SIGBUS,SIGFPE";
  const library = firstThatLoads(koffi.load, asked ? [asked] : FILES[kind]);
  const text = Buffer.alloc(8192);
  const length: Place = [0];
  library.func("int MPI_Get_library_version(void *text, _Out_ int *length)")(text, length);
  const version = text.toString("latin1", 0, length[0]).split("\n")[0]!.replace(/\s+/g, " ").trim();
  const isOpen = version.startsWith("Open MPI");
  const symbol = (name: string): Handle => library.symbol(name, "void *") as Handle;
  const handles = isOpen
    ? {
        world: symbol("ompi_mpi_comm_world"),
        float: symbol("ompi_mpi_float"),
        byte: symbol("ompi_mpi_byte"),
        sum: symbol("ompi_mpi_op_sum"),
      }
    : { world: 0x44000000, float: 0x4c00040a, byte: 0x4c00010d, sum: 0x58000003 };
  const types: Readonly<Record<string, string>> = {
    H: isOpen ? "void *" : "int",
    P: "void *",
    O: "_Out_ int *",
    i: "int",
  };
  const functions = Object.entries(SIGNATURES).map(([name, letters]) => {
    const parameters = [...letters].map((letter, i) => `${types[letter]} p${i}`).join(", ");
    return [name, library.func(`int MPI_${name}(${parameters})`)] as const;
  });
  const handleIn = (room: Room): Handle => (isOpen ? room[0]! : new Int32Array(room.buffer)[0]!);
  return { version, ...handles, ...(Object.fromEntries(functions) as unknown as MpiFunctions), handleIn };
}

type MpiFunctions = Pick<MpiLibrary, keyof typeof SIGNATURES>;

function firstThatLoads(load: Koffi["load"], files: readonly string[]): ReturnType<Koffi["load"]> {
  const said: string[] = [];
  for (const file of files) {
    try {
      // Open MPI's plugins look for its symbols among those of the process.
      return load(file, { global: true, lazy: true });
    } catch (error) {
      said.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new CommandError(
    "usage",
    `MPI's library does not load (${said.join("; ")}): name its file by CMEDL_MPI, as in mpirun -x CMEDL_MPI=/opt/mpi/lib/libmpi.so`,
  );
}
