// The pickle machine: what Python's opcodes mean, and that nothing outside its list is ever reached.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readFileSync } from "node:fs";
import { DataError } from "../../data/errors.ts";
import { type Global, Tuple, unpickle } from "../../data/weights/pickle.ts";

const test = suite("pickle");
const none: ReadonlyMap<string, Global> = new Map();
/** A pickle from characters, one a byte. */
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const load = (text: string, globals = none): unknown => unpickle(bytes(text), { file: "x.pth", globals }).value;
const refused = (text: string, why: RegExp, globals = none): void =>
  assert.throws(
    () => load(text, globals),
    (e: unknown) => e instanceof DataError && e.file === "x.pth" && why.test(e.message),
  );

test("constants and containers of protocols 0 to 5 are read", () => {
  // What pickle.dumps gives for {'a': [1, -2, 300, 70000, 2**40, 2**70], 'b': (None, True, False, 1.5), 'c': b'\x01'} …
  assert.equal(
    load(
      "\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00" +
        "\x8a\x06\x00\x00\x00\x00\x00\x01\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00@e" +
        "X\x01\x00\x00\x00bq\x03(N\x88\x89G?\xf8\x00\x00\x00\x00\x00\x00tu.",
    ),
    new Map<string, unknown>([
      ["a", [1, -2, 300, 70000, 2 ** 40, 2n ** 70n]],
      ["b", new Tuple([null, true, false, 1.5])],
    ]),
  );
  assert.equal(load("(lp0\nI1\naI01\naL5L\naF2.5\naVhi\naS'x'\na."), [1, true, 5, 2.5, "hi", "x"]);
  assert.equal(load("\x80\x04\x95\x08\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94h\x00\x86\x94."), new Tuple(["a", "a"]));
});

test("a listed global is called through the list, and sees its arguments only", () => {
  const seen: unknown[] = [];
  const call = (args: readonly unknown[]): string => {
    seen.push(...args);
    return "made";
  };
  const globals = new Map<string, Global>([["m.f", { name: "m.f", call }]]);
  assert.is(load("cm\nf\n(K\x07K\x08tR.", globals), "made");
  assert.equal(seen, [7, 8]);
  assert.is(load("\x8c\x01m\x8c\x01f\x93(tR.", globals), "made");
});

test("any other global is refused by name, before anything after it is read", () => {
  for (const [module, name] of [
    ["os", "system"],
    ["posix", "system"],
    ["builtins", "eval"],
    ["torch", "load"],
    ["__proto__", "x"],
    ["constructor", "constructor"],
  ] as const) {
    refused(
      `c${module}\n${name}\n(X\x04\x00\x00\x00truetR.`,
      new RegExp(`names ${module}\\.${name}, which is not on the list.*nothing was run`),
    );
    const text = (s: string): string => `\x8c${String.fromCharCode(s.length)}${s}`;
    refused(`\x80\x04${text(module)}${text(name)}\x93.`, /not on the list/);
  }
  refused("(K\x01tR.", /empty stack/);
  refused("K\x01)R.", /calls a plain value/);
  refused("(i__builtin__\neval\n.", /opcode 0x69/);
  refused("\x82\x01.", /opcode 0x82/);
});

test("attributes may be set on a dict only, where they are left", () => {
  assert.equal(load("}}X\x01\x00\x00\x00aK\x01sb."), new Map());
  refused("]}b.", /attributes of an object/);
});

test("damage is one clear error: no end, lengths past the end, an empty stack, a memo that is none", () => {
  refused("", /wants 1 bytes more/);
  refused("K", /wants 1 bytes more/);
  refused("X\xff\xff\xff\x7fabc", /wants 2147483647 bytes more, 3 are left/);
  refused("\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", /wants .* bytes more/);
  refused("\x8b\xff\xff\xff\x7f", /integer of/);
  refused(".", /empty stack/);
  refused("h\x05.", /memo 5/);
  refused("t.", /never opened/);
  refused("\x80\x09.", /protocol 9/);
  refused("K\x01K\x02a.", /no list/);
  refused("}(K\x01u.", /no dict/);
  refused("X\x01\x00\x00\x00\xff.", /UTF-8/);
});

test("every truncation and ten thousand seeded changes of a real file end in a value or a DataError", () => {
  const zip = new Uint8Array(readFileSync("test/fixtures/pth/tensors-legacy.pth"));
  const pickle = zip.subarray(0, 1600);
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const fine = (b: Uint8Array): void => {
    try {
      for (let at = 0; at < b.length; ) at = unpickle(b, { file: "x", globals: none }, at).end;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  };
  for (let n = 0; n < pickle.length; n++) fine(pickle.subarray(0, n));
  for (let i = 0; i < 10_000; i++) {
    const changed = pickle.slice();
    for (let k = next(3); k >= 0; k--) changed[next(changed.length)] = next(256);
    fine(changed);
  }
});

test.run();
