// Another commit's build: its sources in a temporary git worktree, this bench in the place of its own, so that both
// builds are measured by the same code, and its own tools to bundle them.
import { type ChildProcess, execFile, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { UsageError } from "../../engine/index.ts";
import type { Reply, Request } from "./turns.ts";

const CHILD = "bench/against/turns.ts";
const run = promisify(execFile);

/** The clone around the folder that the command runs in. Throws UsageError where there is none. */
async function cloneRoot(): Promise<string> {
  const root = await run("git", ["rev-parse", "--show-toplevel"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (root === undefined || !existsSync(join(root, CHILD)))
    throw new UsageError("--against needs a clone of cmedl: run it in one");
  return root;
}

/** A process of another commit's build, which takes its turns by messages. */
export class OtherBuild {
  #waiting: ((reply: Reply) => void) | undefined;
  #ended: Reply | undefined;
  #said = "";

  private constructor(
    /** The commit, shortened. */
    readonly commit: string,
    readonly root: string,
    readonly folder: string,
    readonly child: ChildProcess,
  ) {
    child.on("message", (reply) => this.#answered(reply as Reply));
    child.stderr!.on("data", (text) => {
      this.#said += String(text);
    });
    child.on("exit", (code, signal) => {
      const why = /error: (.*)/i.exec(this.#said)?.[1] ?? this.#said.trim().split("\n")[0] ?? "";
      this.#ended = { error: `its process ended with ${signal ?? code}${why === "" ? "" : `: ${why}`}` };
      this.#answered(this.#ended);
    });
  }

  /** Throws UsageError where the folder is in no clone, or `commit` is none, or can't be built with this bench. */
  static async start(commit: string): Promise<OtherBuild> {
    const root = await cloneRoot();
    const git = (...args: string[]) => run("git", ["-C", root, ...args]);
    const short = await git("rev-parse", "--short", "--verify", `${commit}^{commit}`).then(
      ({ stdout }) => stdout.trim(),
      () => {
        throw new UsageError(`--against ${commit}: this clone has no such commit`);
      },
    );
    const folder = await mkdtemp(join(tmpdir(), "cmedl-against-"));
    let build: OtherBuild | undefined;
    try {
      await git("worktree", "add", "--detach", "--force", folder, short);
      await rm(join(folder, "bench"), { recursive: true, force: true });
      await cp(join(root, "bench"), join(folder, "bench"), {
        recursive: true,
        filter: (path) => !/[\\/]node_modules([\\/]|$)/.test(path),
      });
      await symlink(join(root, "node_modules"), join(folder, "node_modules"));
      const child = fork(join(folder, "tools/run.mjs"), [CHILD], {
        cwd: folder,
        serialization: "advanced",
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      build = new OtherBuild(short, root, folder, child);
      const reply = await build.#next();
      if ("error" in reply) throw new UsageError(`--against ${commit}: that build can't be measured: ${reply.error}`);
      return build;
    } catch (error) {
      if (build) await build.end();
      else await removeWorktree(root, folder);
      throw error;
    }
  }

  #answered(reply: Reply): void {
    this.#waiting?.(reply);
    this.#waiting = undefined;
  }

  #next(): Promise<Reply> {
    if (this.#ended) return Promise.resolve(this.#ended);
    return new Promise((done) => {
      this.#waiting = done;
    });
  }

  /** One request at a time. */
  ask(request: Request): Promise<Reply> {
    const reply = this.#next();
    if (this.child.connected) this.child.send(request);
    return reply;
  }

  /** Ends the process and removes the worktree. */
  async end(): Promise<void> {
    const hasEnded = this.#ended ? undefined : new Promise((done) => this.child.once("exit", done));
    if (this.child.connected) this.child.disconnect();
    await hasEnded;
    await removeWorktree(this.root, this.folder);
  }
}

async function removeWorktree(root: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await run("git", ["-C", root, "worktree", "prune"]);
}
