// A reader of pickles that can execute nothing. A pickle is a program for a stack machine; the two instructions that
// reach outside it (a global by name, a call of it) find here a closed table of the caller's and nothing else. What is
// made of any other name is refused, or passed over as an opaque object, as the caller asks.
// Protocols 0 to 5, without the opcodes for old classes, extensions and out-of-band buffers. Source:
// Lib/pickletools.py of CPython.
import { PickleBytes } from "./pickle-bytes.ts";

/** A Python tuple; lists are arrays, dicts are Maps, bytes are Uint8Arrays, large integers are bigints. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** An object made of a name that is not on the caller's list: nothing of it is run, and what it holds is dropped. */
export class Opaque {
  constructor(
    /** "module.name" of what it would have been made of. */
    readonly name: string,
  ) {}
}

/**
 * A name of Python's that the caller knows. `call` makes the value of a call of it (a RangeError says what is wrong
 * with its arguments); without, it stands for itself.
 */
export interface Global {
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

export interface PickleOptions {
  /** Names the file in errors. */
  readonly file: string;
  /** The globals that may be named, by "module.name". */
  readonly globals: ReadonlyMap<string, Global>;
  /**
   * Gathers the names that are not listed, whose objects are then passed over as Opaque; they are refused if absent.
   */
  readonly unread?: Set<string>;
  /** What a persistent id stands for; refused where absent. */
  readonly persistent?: (id: unknown) => unknown;
}

/**
 * The value of the pickle that begins at `start`, and where it ends. Throws DataError: damage, or anything not on the
 * list.
 */
export function unpickle(bytes: Uint8Array, options: PickleOptions, start = 0): { value: unknown; end: number } {
  const machine = new Machine(new PickleBytes(bytes, options.file, start), options);
  const { input } = machine;
  for (;;) {
    const opcode = String.fromCharCode(input.u8());
    if (opcode === STOP) return { value: machine.pop(), end: input.at };
    const run = OPCODES.get(opcode);
    if (!run) {
      const code = opcode.charCodeAt(0).toString(16).padStart(2, "0");
      return input.fail(`has opcode 0x${code}, which weights do not need`, SAVE_ALONE);
    }
    run(machine, input);
  }
}

/** The mend where a file holds more than tensors. */
export const SAVE_ALONE = "save the state dict alone: torch.save(model.state_dict(), path)";
/** What is wrong with a file that names `name`. */
export const notListed = (name: string): string =>
  `names ${name}, which is not on the list of what weights are made of; nothing was run`;
const EMPTY = "takes a value from an empty stack";
const MARK = Symbol("mark");

/** The stack and the memo of a pickle's machine. */
class Machine {
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(
    readonly input: PickleBytes,
    readonly options: Omit<PickleOptions, "file">,
  ) {}

  push(value: unknown): void {
    this.#stack.push(value);
  }
  pushMark(): void {
    this.#stack.push(MARK);
  }
  pop(): unknown {
    return this.#hasValue() ? this.#stack.pop() : this.input.fail(EMPTY);
  }
  top(): unknown {
    return this.#hasValue() ? this.#stack.at(-1) : this.input.fail("needs a value on the stack");
  }
  #hasValue(): boolean {
    return this.#stack.length > 0 && this.#stack.at(-1) !== MARK;
  }
  /** Takes away the topmost entry, which may be a mark. */
  drop(): void {
    if (this.#stack.length === 0) this.input.fail(EMPTY);
    this.#stack.pop();
  }
  /** Takes the values above the last mark, and the mark. */
  popToMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) return this.input.fail("closes what it never opened");
    const items = this.#stack.splice(mark + 1);
    this.#stack.pop();
    return items;
  }
  /** Makes the topmost `count` values one tuple. */
  pushTuple(count: number): void {
    if (this.#stack.length < count || this.#stack.slice(-count).includes(MARK)) this.input.fail(EMPTY);
    this.push(new Tuple(this.#stack.splice(-count)));
  }

  appendToList(items: readonly unknown[]): void {
    const list = this.top();
    if (list instanceof Opaque) return;
    if (!Array.isArray(list)) this.input.fail("appends to what is no list");
    else for (const item of items) list.push(item);
  }
  /** `items` are key, value, key, value … */
  setInDict(items: readonly unknown[]): void {
    const dict = this.top();
    if (dict instanceof Opaque) return;
    if (!(dict instanceof Map) || items.length % 2 !== 0) this.input.fail("sets an item of what is no dict");
    else for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }
  addToSet(items: readonly unknown[]): void {
    const set = this.top();
    if (set instanceof Opaque) return;
    if (!(set instanceof Set)) this.input.fail("adds to what is no set");
    else for (const item of items) set.add(item);
  }

  remember(i: number): void {
    this.#memo.set(i, this.top());
  }
  rememberNext(): void {
    this.remember(this.#memo.size);
  }
  recall(i: number): void {
    if (!this.#memo.has(i)) this.input.fail(`recalls memo ${i}, which is empty`);
    this.push(this.#memo.get(i));
  }

  pushGlobal(module: string, name: string): void {
    const full = `${module}.${name}`;
    const known = this.options.globals.get(full);
    const { unread } = this.options;
    if (known || unread) this.push(known ?? new Opaque(full));
    else this.input.fail(notListed(full), SAVE_ALONE);
    if (!known) unread?.add(full);
  }
  /** Calls a global of the caller's table, and nothing else. */
  call(): void {
    const args = this.pop();
    const callee = this.pop();
    if (callee instanceof Opaque) {
      this.push(callee);
    } else if (args instanceof Tuple && isCallable(callee)) {
      this.push(this.#called(callee, args.items));
    } else {
      this.input.fail(`calls ${nameOf(callee)}, which cannot be called`, SAVE_ALONE);
    }
  }
  /** Whether the call that stands on the stack, a callee and its arguments, is of an opaque object. */
  callsOpaque(): boolean {
    return this.#stack.at(-2) instanceof Opaque;
  }
  #called(callee: Required<Global>, args: readonly unknown[]): unknown {
    try {
      return callee.call(args);
    } catch (error) {
      const opaque = args.find((arg) => arg instanceof Opaque);
      if (opaque) return opaque;
      const problem = error instanceof RangeError ? error.message : "is called with what it does not take";
      return this.input.fail(`${callee.name} ${problem}`);
    }
  }
  /** State dicts carry versions as attributes of a dict: these are left out. */
  dropAttributes(): void {
    const state = this.pop();
    const object = this.top();
    if (object instanceof Opaque) return;
    if (!(object instanceof Map) || !(state instanceof Map || state === null))
      this.input.fail("sets attributes of an object", SAVE_ALONE);
  }
  pushPersistent(): void {
    const id = this.pop();
    const { persistent } = this.options;
    this.push(persistent ? persistent(id) : this.input.fail("refers to what is outside the file"));
  }
}

const isCallable = (value: unknown): value is Required<Global> =>
  typeof value === "object" && value !== null && "call" in value && typeof value.call === "function";
const nameOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "name" in value ? String(value.name) : "a plain value";

const STOP = ".";
/** All other opcodes, under CPython's names. */
const OPCODES: ReadonlyMap<string, (machine: Machine, input: PickleBytes) => void> = new Map([
  // The program.
  ["\x80", (_, b) => b.checkProtocol()], // PROTO
  ["\x95", (_, b) => b.checkFrame()], // FRAME
  // Constants and numbers.
  ["N", (m) => m.push(null)], // NONE
  ["\x88", (m) => m.push(true)], // NEWTRUE
  ["\x89", (m) => m.push(false)], // NEWFALSE
  ["K", (m, b) => m.push(b.u8())], // BININT1
  ["M", (m, b) => m.push(b.u16())], // BININT2
  ["J", (m, b) => m.push(b.i32())], // BININT
  ["I", (m, b) => m.push(b.decimalOrBoolean())], // INT
  ["L", (m, b) => m.push(b.long())], // LONG
  ["\x8a", (m, b) => m.push(b.integer(b.u8()))], // LONG1
  ["\x8b", (m, b) => m.push(b.integer(b.u32()))], // LONG4
  ["G", (m, b) => m.push(b.f64())], // BINFLOAT
  ["F", (m, b) => m.push(Number(b.line()))], // FLOAT
  // Texts and bytes.
  ["X", (m, b) => m.push(b.text(b.u32()))], // BINUNICODE
  ["\x8c", (m, b) => m.push(b.text(b.u8()))], // SHORT_BINUNICODE
  ["\x8d", (m, b) => m.push(b.text(b.u64()))], // BINUNICODE8
  ["V", (m, b) => m.push(b.escapedLine())], // UNICODE
  ["U", (m, b) => m.push(b.latin1(b.u8()))], // SHORT_BINSTRING
  ["T", (m, b) => m.push(b.latin1(b.u32()))], // BINSTRING
  ["S", (m, b) => m.push(b.quotedLine())], // STRING
  ["C", (m, b) => m.push(b.raw(b.u8()))], // SHORT_BINBYTES
  ["B", (m, b) => m.push(b.raw(b.u32()))], // BINBYTES
  ["\x8e", (m, b) => m.push(b.raw(b.u64()))], // BINBYTES8
  ["\x96", (m, b) => m.push(b.raw(b.u64()))], // BYTEARRAY8
  // Containers.
  ["(", (m) => m.pushMark()], // MARK
  [")", (m) => m.push(new Tuple([]))], // EMPTY_TUPLE
  ["\x85", (m) => m.pushTuple(1)], // TUPLE1
  ["\x86", (m) => m.pushTuple(2)], // TUPLE2
  ["\x87", (m) => m.pushTuple(3)], // TUPLE3
  ["t", (m) => m.push(new Tuple(m.popToMark()))], // TUPLE
  ["]", (m) => m.push([])], // EMPTY_LIST
  ["l", (m) => m.push(m.popToMark())], // LIST
  ["a", append],
  ["e", (m) => m.appendToList(m.popToMark())], // APPENDS
  ["}", (m) => m.push(new Map())], // EMPTY_DICT
  ["d", dict],
  ["s", setItem],
  ["u", (m) => m.setInDict(m.popToMark())], // SETITEMS
  ["\x8f", (m) => m.push(new Set())], // EMPTY_SET
  ["\x90", (m) => m.addToSet(m.popToMark())], // ADDITEMS
  ["\x91", (m) => m.push(new Set(m.popToMark()))], // FROZENSET
  // Stack and memo.
  ["0", (m) => m.drop()], // POP
  ["1", (m) => void m.popToMark()], // POP_MARK
  ["2", (m) => m.push(m.top())], // DUP
  ["q", (m, b) => m.remember(b.u8())], // BINPUT
  ["r", (m, b) => m.remember(b.u32())], // LONG_BINPUT
  ["p", (m, b) => m.remember(Number(b.line()))], // PUT
  ["\x94", (m) => m.rememberNext()], // MEMOIZE
  ["h", (m, b) => m.recall(b.u8())], // BINGET
  ["j", (m, b) => m.recall(b.u32())], // LONG_BINGET
  ["g", (m, b) => m.recall(Number(b.line()))], // GET
  // The outside.
  ["c", (m, b) => m.pushGlobal(b.line(), b.line())], // GLOBAL
  ["\x93", stackGlobal],
  ["R", (m) => m.call()], // REDUCE
  ["\x81", (m) => m.call()], // NEWOBJ
  ["\x92", callWithNames], // NEWOBJ_EX
  ["b", (m) => m.dropAttributes()], // BUILD
  ["Q", (m) => m.pushPersistent()], // BINPERSID
]);

function append(m: Machine): void {
  const item = m.pop();
  m.appendToList([item]);
}

function dict(m: Machine): void {
  const items = m.popToMark();
  m.push(new Map());
  m.setInDict(items);
}

function setItem(m: Machine): void {
  const value = m.pop();
  const key = m.pop();
  m.setInDict([key, value]);
}

function stackGlobal(m: Machine): void {
  const name = m.pop();
  const module = m.pop();
  m.pushGlobal(String(module), String(name));
}

/** A call with arguments by name, which none of the caller's table takes. */
function callWithNames(m: Machine, input: PickleBytes): void {
  const names = m.pop();
  if (!(names instanceof Map && names.size === 0) && !m.callsOpaque())
    input.fail("calls a global with arguments by name", SAVE_ALONE);
  m.call();
}
