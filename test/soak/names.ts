// Names that came with files: none leads out of a folder, none writes to a terminal or into a page, whatever it says.
import { zipSync } from "fflate";
import { parseHTML } from "linkedom";
import { DataError, printable } from "../../data/errors.ts";
import { writeSafetensors } from "../../data/weights/safetensors.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import { FileError, pathInside } from "../../node/files.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import { parseConfigFile } from "../../node/config-file.ts";
import { runPage } from "../../report/page/run-page.ts";
import { plotDocument } from "../../report/page/plot-document.ts";
import { readModelZip } from "../../train/model-zip.ts";
import { type Random, type Soak, Tally, must } from "./soak.ts";

const SCRIPTS = [
  "<img src=x onerror=harm()>",
  "</title><script>harm()</script>",
  '" onload="harm()',
  "<svg/onload=harm()>",
  "]]></style><script>harm()</script>",
  "&lt;b&gt; <b>bold</b>",
  "javascript:harm()",
];
const PATHS = ["../x", "..\\x", "/etc/x", "C:\\x", "a/../../x", "a/\0x", "..", "", "./../x", "\\\\host\\x"];
const TERMINAL = ["\u001b[31mred", "\u001b]0;title\u0007", "a\rb", "a\nfake: line", "\u202egnp.exe", "\u009b2J"];
const EACH = 200;
const KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];

export const names: Soak = {
  name: "names",
  tries: "paths, escape sequences, prototype keys and markup in names of files, cases and tensors",
  seconds: 30,
  run: async (budget, random) => {
    const tally = new Tally();
    const plot = await plotDocument();
    for (let n = 0; budget.allows(n) && n < EACH; n++) {
      const draw = random.of(n);
      await tally.try(`path ${n}`, () => mustStayInside(draw));
      await tally.try(`terminal ${n}`, () => mustPrint(draw));
      await tally.try(`keys ${n}`, () => mustKeepPrototype(draw));
      await tally.try(`page ${n}`, () => mustEscape(draw, plot));
    }
    tally.count("names of each kind", tally.tried / 4, EACH);
    return tally;
  },
};

function thrown(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function mustStayInside(draw: Random): void {
  const name = draw.pick(PATHS);
  must(thrown(() => pathInside("run", name)) instanceof FileError, `${JSON.stringify(name)} was let out`);
  if (name === "") return;
  const zip = new Uint8Array(
    zipSync({ "config.yaml": new Uint8Array(), "weights.safetensors": new Uint8Array(), [name]: new Uint8Array(1) }),
  );
  must(thrown(() => readModelZip(zip, "m.zip")) instanceof CmedlError, `a zip with ${JSON.stringify(name)} was read`);
}

/** What a message shows of names holds nothing that moves a cursor or begins a line. */
function mustPrint(draw: Random): void {
  const name = `${draw.pick(["", "case "])}${draw.pick(TERMINAL)}`;
  const bytes = writeSafetensors([[name, { shape: [1], data: Float32Array.of(NaN) }]], [["format", "pt"]]);
  const messages = [
    printable(name),
    new DataError(name, "field", name, "mend").message,
    new FileError(name, "problem", "mend").message,
    String((thrown(() => readWeightFile(bytes.subarray(0, bytes.length - 2), name)) as Error).message),
  ];
  for (const message of messages)
    must(!/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(message), `${JSON.stringify(message)} reaches a terminal`);
}

function mustKeepPrototype(draw: Random): void {
  const key = draw.pick(KEYS);
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  const tensors = writeSafetensors([[key, { shape: [1], data: Float32Array.of(1) }]], [["format", "pt"]]);
  const { tensors: read } = readWeightFile(tensors, "x.safetensors");
  must(read.has(key), `the tensor ${key} is gone`);
  for (const text of [`${key}: {polluted: 1}`, `data: {${key}: {polluted: 1}}`]) {
    const error = thrown(() => parseConfigFile(text, "x.yaml"));
    must(error === undefined || error instanceof CmedlError, `threw ${String(error)}`);
  }
  must(!("polluted" in {}), `${key} changed every object`);
  must(Object.getOwnPropertyNames(Object.prototype).length === before, `${key} changed Object.prototype`);
}

function mustEscape(draw: Random, plot: Awaited<ReturnType<typeof plotDocument>>): void {
  const name = draw.pick(SCRIPTS);
  const values = { dice: 0.5 };
  const page = runPage(
    {
      name,
      status: name,
      signs: [{ message: name, mend: name, epoch: 1 }],
      epochs: [
        { epoch: 1, losses: { [name]: 1 }, validationLoss: 0.5, dice: 0.5, classes: { [name]: 0.5 }, best: true },
      ],
      steps: [{ steps: 1, ms: 1, norms: { [name]: 1 } }],
      pictures: [],
      tests: [{ title: name, notes: [name], cases: { [name]: values, b: values } }],
      config: name,
      starts: [{ [name]: name }] as never,
    },
    plot,
  );
  const { document } = parseHTML(page);
  const scripts = [...document.querySelectorAll("script")].filter((s) => s.textContent?.includes("harm"));
  must(scripts.length === 0, `${name} made a script of the page`);
  for (const element of document.querySelectorAll("*")) {
    const harmful = [...element.attributes].find(
      ({ name: attribute, value }) =>
        /^on/i.test(attribute) || (/^(href|src)$/i.test(attribute) && /^\s*javascript:/i.test(value)),
    );
    must(!harmful, `${name} made ${harmful?.name}="${harmful?.value}" of the page`);
  }
  must(!page.includes("<img src=x"), `${name} made a picture of the page`);
}
