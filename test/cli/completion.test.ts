import { suite } from "uvu";
import * as assert from "uvu/assert";
import { suggestionsFor } from "../../cli/completion-server.ts";
import { cmedl } from "./command.ts";

const test = suite("completion");
const names = async (line: string): Promise<string[] | undefined> =>
  (await suggestionsFor(line))?.map(({ name }) => name);

test("commands, flags, words of flags and of arguments are suggested; elsewhere files may stand", async () => {
  const commands = (await names("cmedl "))!;
  assert.ok(commands.includes("train"));
  assert.ok(!commands.includes("completion-server"), "a command that help hides");
  assert.equal(await names("cmedl help "), commands);
  const flags = (await names("cmedl train --s"))!;
  assert.ok(
    ["--student", "--segmentor", "--force"].every((f) => flags.includes(f)),
    flags.join(),
  );
  assert.ok(!flags.includes("--regime"), "a flag that help hides");
  assert.equal(await names("cd x && cmedl train --force --segmentor "), ["unet", "dense-fcn", "mrrn"]);
  assert.ok((await names("cmedl train --preset q"))?.includes("ct-only"));
  assert.equal(await names("cmedl completion "), ["bash", "fish", "pwsh", "zsh"]);
  for (const line of ["cmedl train --student ", "cmedl predict ", "cmedl nonsense ", "cmedl completion bash "])
    assert.is(await names(line), undefined, line);
});

test("an experiment's name is completed, and below pays its own flags", async () => {
  const experiments = (await names("cmedl experiment "))!;
  assert.ok(experiments.includes("table3") && experiments.includes("pays"), experiments.join());
  assert.ok((await names("cmedl experiment pays --"))?.includes("--rows"));
  assert.not.ok((await names("cmedl experiment table3 --"))?.includes("--rows"));
});

/** How each shell's script tells a line with the cursor at its end. */
const told: readonly (readonly [shell: string, line: (text: string) => string])[] = [
  ["bash", (text) => text],
  ["zsh", (text) => text],
  ["fish", (text) => `${text} `],
  ["pwsh", (text) => (text.endsWith(" ") ? `${text}\`"\`"` : text)],
];

test("a shell's script asks the server, whose answer is in the shell's form", async () => {
  for (const [shell, line] of told) {
    assert.match((await cmedl(["completion", shell])).stdout, /completion-server/);
    const answer = async (text: string): Promise<string> => {
      const env = { SHELL: `/bin/${shell}`, COMP_CWORD: "9", COMP_LINE: line(text), COMP_POINT: String(text.length) };
      return (await cmedl(["completion-server", "--", "cmedl"], env)).stdout;
    };
    assert.match(await answer("cmedl tra"), shell === "bash" ? /^train\ntranslate\n$/ : /^train[:\t]/m, shell);
    assert.match(await answer("cmedl train --segmentor "), /^unet$/m, shell);
    assert.is(await answer("cmedl predict "), shell === "bash" ? "" : "__tabtab_complete_files__\n", shell);
  }
});

test.run();
