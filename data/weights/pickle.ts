// A reader of pickles that can execute nothing. A pickle is a program for a stack machine; the two instructions that
// reach outside it (a global by name, a call of it) find here a closed table of the caller's and nothing else.
// Protocols 0 to 5, without the opcodes that only matter to objects of Python (classes, extensions, out-of-band
// buffers).
import { DataError } from "../errors.ts";

/** A Python tuple; lists are arrays, dicts are Maps, bytes are Uint8Arrays, large integers are bigints. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
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
  /** What a persistent id stands for; refused where absent. */
  readonly persistent?: (id: unknown) => unknown;
}

const MARK = Symbol("mark");
/** Longest integer, in bytes: ids and hashes are far shorter. */
const MAX_INTEGER = 256;

/**
 * The value of the pickle that begins at `start`, and where it ends. Throws DataError: damage, or anything not on the
 * list.
 */
export function unpickle(
  bytes: Uint8Array,
  { file, globals, persistent }: PickleOptions,
  start = 0,
): { value: unknown; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = start;
  const fail = (problem: string, mend = "copy or save the file again"): never => {
    throw new DataError(file, `pickle, byte ${at}`, problem, mend);
  };
  const take = (count: number): number => {
    if (!(count >= 0 && count <= bytes.length - at)) fail(`wants ${count} bytes more, ${bytes.length - at} are left`);
    return (at += count) - count;
  };
  const u8 = (): number => bytes[take(1)];
  const u16 = (): number => view.getUint16(take(2), true);
  const i32 = (): number => view.getInt32(take(4), true);
  const u32 = (): number => view.getUint32(take(4), true);
  const u64 = (): number => Number(view.getBigUint64(take(8), true));
  const raw = (count: number): Uint8Array => bytes.subarray(take(count), at);
  const text = (count: number): string => utf8(raw(count));
  const latin = (part: Uint8Array): string => Array.from(part, (c) => String.fromCharCode(c)).join("");
  const utf8 = (part: Uint8Array): string => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
    } catch {
      return fail("holds text that is not UTF-8");
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) return fail("ends within a line");
    const from = at;
    at = end + 1;
    return utf8(bytes.subarray(from, end));
  };
  const pop = (): unknown =>
    stack.length === 0 || stack.at(-1) === MARK ? fail("takes a value from an empty stack") : stack.pop();
  const top = (): unknown =>
    stack.length === 0 || stack.at(-1) === MARK ? fail("needs a value on the stack") : stack.at(-1);
  const sinceMark = (): unknown[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) return fail("closes what it never opened");
    const items = stack.splice(mark + 1);
    stack.pop();
    return items;
  };
  const popTuple = (count: number): void => {
    if (stack.length < count || stack.slice(-count).includes(MARK)) fail("takes a value from an empty stack");
    stack.push(new Tuple(stack.splice(-count)));
  };
  const append = (items: readonly unknown[]): void => {
    const list = top();
    if (!Array.isArray(list)) return fail("appends to what is no list");
    for (const item of items) list.push(item);
  };
  const setItems = (items: readonly unknown[]): void => {
    const dict = top();
    if (!(dict instanceof Map) || items.length % 2) return fail("sets an item of what is no dict");
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };
  const recall = (i: number): void =>
    void stack.push(memo.has(i) ? memo.get(i) : fail(`recalls memo ${i}, which is empty`));
  const remember = (i: number): void => void memo.set(i, top());
  const global = (module: string, name: string): void => {
    const known = globals.get(`${module}.${name}`);
    if (!known)
      fail(
        `names ${module}.${name}, which is not on the list of what weights are made of; nothing was run`,
        "save the state dict alone: torch.save(model.state_dict(), path)",
      );
    stack.push(known);
  };
  const call = (): void => {
    const args = pop();
    const callee = pop() as Global | null;
    if (!(args instanceof Tuple) || typeof callee !== "object" || typeof callee?.call !== "function")
      return fail(
        `calls ${nameOf(callee)}, which cannot be called`,
        "save the state dict alone: torch.save(model.state_dict(), path)",
      );
    try {
      stack.push(callee.call(args.items));
    } catch (error) {
      fail(`${callee.name} ${error instanceof RangeError ? error.message : "is called with what it does not take"}`);
    }
  };
  const integer = (count: number): number | bigint => {
    if (count > MAX_INTEGER) return fail(`holds an integer of ${count} bytes`);
    let value = 0n;
    raw(count).forEach((b, i) => (value |= BigInt(b) << BigInt(8 * i)));
    value = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
  const decimal = (digits: string): number | bigint => {
    if (!/^[+-]?\d{1,600}$/.test(digits)) return fail("holds an integer that is none");
    return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
  };

  for (;;) {
    const op = String.fromCharCode(u8());
    switch (op) {
      case ".":
        return { value: pop(), end: at };
      case "\x80": {
        const version = u8();
        if (version > 5) fail(`is of protocol ${version}, newer than 5`, "save it with pickle_protocol=2");
        break;
      }
      case "\x95": {
        const length = u64();
        if (length > bytes.length - at) fail(`opens a frame of ${length} bytes, ${bytes.length - at} are left`);
        break;
      }
      // constants
      case "N":
        stack.push(null);
        break;
      case "\x88":
        stack.push(true);
        break;
      case "\x89":
        stack.push(false);
        break;
      case "K":
        stack.push(u8());
        break;
      case "M":
        stack.push(u16());
        break;
      case "J":
        stack.push(i32());
        break;
      case "I": {
        const s = line();
        stack.push(s === "00" ? false : s === "01" ? true : decimal(s));
        break;
      }
      case "L":
        stack.push(decimal(line().replace(/L$/, "")));
        break;
      case "\x8a":
        stack.push(integer(u8()));
        break;
      case "\x8b":
        stack.push(integer(u32()));
        break;
      case "G":
        stack.push(view.getFloat64(take(8), false));
        break;
      case "F":
        stack.push(Number(line()));
        break;
      case "X":
        stack.push(text(u32()));
        break;
      case "\x8c":
        stack.push(text(u8()));
        break;
      case "\x8d":
        stack.push(text(u64()));
        break;
      case "V":
        stack.push(line().replace(/\\u([0-9a-f]{4})/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16))));
        break;
      case "U":
        stack.push(latin(raw(u8())));
        break;
      case "T":
        stack.push(latin(raw(u32())));
        break;
      case "S":
        stack.push(line().replace(/^(['"])(.*)\1$/, "$2"));
        break;
      case "C":
        stack.push(raw(u8()));
        break;
      case "B":
        stack.push(raw(u32()));
        break;
      case "\x8e":
        stack.push(raw(u64()));
        break;
      // containers
      case "(":
        stack.push(MARK);
        break;
      case ")":
        stack.push(new Tuple([]));
        break;
      case "\x85":
        popTuple(1);
        break;
      case "\x86":
        popTuple(2);
        break;
      case "\x87":
        popTuple(3);
        break;
      case "t":
        stack.push(new Tuple(sinceMark()));
        break;
      case "]":
        stack.push([]);
        break;
      case "l":
        stack.push(sinceMark());
        break;
      case "a": {
        const item = pop();
        append([item]);
        break;
      }
      case "e":
        append(sinceMark());
        break;
      case "}":
        stack.push(new Map());
        break;
      case "d": {
        const items = sinceMark();
        stack.push(new Map());
        setItems(items);
        break;
      }
      case "s": {
        const value = pop();
        const key = pop();
        setItems([key, value]);
        break;
      }
      case "u":
        setItems(sinceMark());
        break;
      case "\x8f":
        stack.push(new Set());
        break;
      case "\x90": {
        const items = sinceMark();
        const set = top();
        if (!(set instanceof Set)) fail("adds to what is no set");
        else items.forEach((i) => set.add(i));
        break;
      }
      // stack and memo
      case "0":
        if (stack.length === 0) fail("takes a value from an empty stack");
        stack.pop();
        break;
      case "1":
        sinceMark();
        break;
      case "2":
        stack.push(top());
        break;
      case "q":
        remember(u8());
        break;
      case "r":
        remember(u32());
        break;
      case "p":
        remember(Number(line()));
        break;
      case "\x94":
        remember(memo.size);
        break;
      case "h":
        recall(u8());
        break;
      case "j":
        recall(u32());
        break;
      case "g":
        recall(Number(line()));
        break;
      // the outside
      case "c": {
        const module = line();
        global(module, line());
        break;
      }
      case "\x93": {
        const name = pop();
        const module = pop();
        global(String(module), String(name));
        break;
      }
      case "R":
      case "\x81":
        call();
        break;
      case "b": {
        // attributes of a dict (state dicts carry versions so) are left
        const state = pop();
        if (!(top() instanceof Map) || !(state instanceof Map || state === null))
          fail("sets attributes of an object", "save the state dict alone: torch.save(model.state_dict(), path)");
        break;
      }
      case "Q": {
        const id = pop();
        stack.push(persistent ? persistent(id) : fail("refers to what is outside the file"));
        break;
      }
      default:
        fail(
          `has opcode 0x${op.charCodeAt(0).toString(16).padStart(2, "0")}, which weights do not need`,
          "save the state dict alone: torch.save(model.state_dict(), path)",
        );
    }
  }
}

const nameOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "name" in value ? String(value.name) : "a plain value";
