import { suite } from "uvu";
import * as assert from "uvu/assert";
import { suggestionsAt } from "../../cli/completion-server.ts";
import { cmedl } from "./command.ts";

const test = suite("completion");
const names = async (before: readonly string[], word = ""): Promise<string[] | undefined> =>
  (await suggestionsAt(before, word))?.map(({ name }) => name);

test("commands, flags and words of flags are suggested; elsewhere files may stand", async () => {
  const commands = (await names([]))!;
  assert.ok(commands.includes("train"));
  assert.ok(!commands.includes("completion-server"), "a command that help hides");
  const flags = (await names(["train"], "--s"))!;
  assert.ok(
    ["--student", "--segmentor", "--force"].every((f) => flags.includes(f)),
    flags.join(),
  );
  assert.ok(!flags.includes("--regime"), "a flag that help hides");
  assert.equal(await names(["train", "--force", "--segmentor"]), ["unet", "dense-fcn", "mrrn"]);
  assert.ok((await names(["train", "--preset"]))?.includes("ct-only"));
  assert.equal(await names(["completion"]), ["bash", "fish", "pwsh", "zsh"]);
  for (const before of [["train", "--student"], ["predict"], ["nonsense"]]) assert.is(await names(before), undefined);
});

test("a shell's script asks the server, whose answer is in the shell's form", async () => {
  assert.match((await cmedl(["completion", "bash"])).stdout, /cmedl completion-server/);
  const line = { SHELL: "/bin/bash", COMP_CWORD: "1", COMP_LINE: "cmedl tra", COMP_POINT: "9" };
  assert.is((await cmedl(["completion-server", "--", "cmedl", "tra"], line)).stdout, "train\ntranslate\n");
});

test.run();
