// cmedl kernel new: a family of kernels to start from, in a clone. cmedl kernel list: those that there are.
import type { Command } from "commander";
import { CommandError } from "../node/errors.ts";
import { cloneAround, kernelFiles } from "../node/kernels/files.ts";
import { listKernels } from "../node/kernels/list.ts";
import { writeFamily } from "../node/kernels/scaffold.ts";
import { kernelTable, readRoofline } from "./kernel-table.ts";

export function register(command: Command): void {
  command
    .command("new")
    .description("Write a new family: a naive kernel that works, its declaration, op, reference, test and bench row.")
    .argument("<name>", "lower-case words joined by -")
    .addHelpText(
      "after",
      "\nRuns in a clone; nothing that is there is overwritten.\n\nExample:\n  cmedl kernel new box-blur",
    )
    .action(async (name: string) => {
      const written = await writeFamily(await cloneHere(), name);
      process.stdout.write(
        `${written.join("\n")}\n\nnext: write the formula in kernels/${name}/${name}-direct.wgsl and bench/reference/${name}.ts, then\n` +
          `  npx cmedl lint ${name}\n  npm test -- kernels/${name}\n  npx cmedl bench ${name} --shape 1x64x64x32\n` +
          "docs/how-to/kernel.md goes on from there\n",
      );
    });
  command
    .command("list")
    .description(
      "List all kernels of a clone: formula, layouts, needs, tunables, share of the roofline where it was measured.",
    )
    .option("--json", "print the list as JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const root = await cloneHere();
      const kernels = listKernels(await kernelFiles(root));
      const text = json ? JSON.stringify(kernels, null, 2) : kernelTable(kernels, await readRoofline(root));
      process.stdout.write(`${text}\n`);
    });
}

/** The clone that the command is run in. Throws CommandError. */
async function cloneHere(): Promise<string> {
  const root = await cloneAround(process.cwd());
  if (root === undefined)
    throw new CommandError("usage", "this is no clone of cmedl (there is no kernels/kernel.ts here or above)");
  return root;
}
