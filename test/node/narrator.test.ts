import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Narrator, endBars } from "../../node/narrator.ts";

const test = suite("narrator");

/** A terminal that keeps what is written to it. */
class Terminal extends Writable {
  readonly isTTY = true;
  readonly columns = 80;
  text = "";
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
const HIDDEN = "\x1b[?25l";
const SHOWN = "\x1b[?25h";

test("on a terminal no line is lost, and after the last bar it is as it was", () => {
  const terminal = new Terminal();
  const narrator = new Narrator({ stream: terminal });
  narrator.say("before");
  const [first, second] = [narrator.bar("reading", 2), narrator.bar("testing", 1)];
  first.advance();
  narrator.say("beside the bars");
  first.done();
  second.advance();
  narrator.say("beside one");
  assert.ok(terminal.text.lastIndexOf(HIDDEN) > terminal.text.lastIndexOf(SHOWN));
  second.done();
  assert.ok(terminal.text.lastIndexOf(SHOWN) > terminal.text.lastIndexOf(HIDDEN));
  narrator.say("after");
  const places = ["before", "beside the bars", "beside one", "after"].map((line) => terminal.text.indexOf(`${line}\n`));
  assert.ok(
    places.every((at, i) => at >= 0 && (i === 0 || at > places[i - 1]!)),
    places.join(),
  );
});

test("lines of another process are told behind its name, without those that both begin with", () => {
  const terminal = new Terminal();
  const narrator = new Narrator({ stream: terminal, noBars: true });
  narrator.bar("reading", 2).advance();
  const said = ["the same data", "tested: 0.5"];
  for (const line of said) narrator.say(line);
  const tell = narrator.retelling("process 2");
  for (const line of ["the same data", "epoch 1/2", "tested: 0.5"]) tell(line);
  assert.is(terminal.text, "the same data\ntested: 0.5\nprocess 2: epoch 1/2\nprocess 2: tested: 0.5\n");
  const quiet = new Narrator({ stream: terminal, quiet: true });
  quiet.say("not told");
  quiet.retelling("process 2")("an error");
  assert.match(terminal.text, /0\.5\nprocess 2: an error\n$/);
});

test("bars that an error leaves are taken off, with the lines that wait", () => {
  const terminal = new Terminal();
  const narrator = new Narrator({ stream: terminal });
  narrator.bar("reading", 2).advance();
  narrator.say("a warning");
  endBars();
  assert.match(terminal.text, /a warning\n/);
  assert.ok(terminal.text.lastIndexOf(SHOWN) > terminal.text.lastIndexOf(HIDDEN));
  narrator.say("the error");
  assert.match(terminal.text, /the error\n$/);
});

test("a signal that ends the process gives the terminal back first; what waits for it goes on", () => {
  const folder = mkdtempSync(join(tmpdir(), "cmedl-test-"));
  try {
    const script = join(folder, "bar.ts");
    writeFileSync(
      script,
      `import { Narrator } from ${JSON.stringify(join(process.cwd(), "node/narrator.ts"))};
      Object.assign(process.stderr, { isTTY: true });
      const bar = new Narrator().bar("reading", 2);
      bar.advance();
      if (process.argv[2]) process.on("SIGINT", () => process.exit(3));
      setTimeout(() => process.kill(process.pid, "SIGINT"), 50);
      setTimeout(() => process.exit(4), 5000);`,
    );
    const ended = (...args: string[]) =>
      spawnSync(process.execPath, ["tools/run.mjs", script, ...args], { encoding: "utf8" });
    const { signal, stderr } = ended();
    assert.is(signal, "SIGINT");
    assert.ok(stderr.lastIndexOf(SHOWN) > stderr.lastIndexOf(HIDDEN));
    assert.is(ended("listens").status, 3);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("elsewhere there are lines alone, and none where it is quiet", () => {
  const [file, silent] = [new Terminal(), new Terminal()];
  Object.assign(file, { isTTY: false });
  const bar = new Narrator({ stream: file }).bar("reading", 1);
  bar.advance("case 1");
  bar.done();
  assert.match(file.text, /^reading 1\/1 {2}case 1 {2}.* left\n$/);
  const quiet = new Narrator({ stream: silent, quiet: true });
  quiet.say("x");
  quiet.bar("reading", 1).advance();
  assert.is(silent.text, "");
});

test.run();
