// A process of bench/torch/bench.py --serve, asked in lines of JSON; serve.py says what it answers.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { UsageError } from "../../engine/index.ts";

const SCRIPT = "bench/torch/bench.py";

/** What PyTorch could not do, in its own words. */
interface Failed {
  readonly error: string;
}
/** Results by name; null where no start was given. */
interface Prepared {
  readonly results: Readonly<Record<string, readonly number[]>> | null;
}
interface Took {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export class Python {
  #waiting: ((line: string | undefined) => void) | undefined;
  #ended = false;
  #said = "";
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** As PyTorch tells it. */
  version = "";
  threads = 0;

  private constructor(
    readonly path: string,
    threads: number,
  ) {
    this.#child = spawn(path, [SCRIPT, "--serve", "--threads", `${threads}`], {
      stdio: ["pipe", "pipe", "pipe"],
      // Ctrl-C ends the bench after a round: it must not end this first.
      detached: true,
      env: { ...process.env, OMP_NUM_THREADS: `${threads}` },
    });
    const end = (why = ""): void => {
      this.#said += why;
      this.#ended = true;
      this.#arrived(undefined);
    };
    this.#child.stderr.on("data", (text) => {
      this.#said += String(text);
    });
    // A request to a process that has ended is answered by its end.
    this.#child.stdin.on("error", () => {});
    this.#child.on("error", ({ message }) => end(message));
    this.#child.on("close", () => end());
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#arrived(line));
  }

  /** Throws UsageError where there is no such Python, or it has no PyTorch, with what mends it. */
  static async start(path: string, threads: number): Promise<Python> {
    const python = new Python(path, threads);
    const line = await python.#line();
    if (line === undefined) throw new UsageError(python.#whyNot());
    const { torch, threads: own } = JSON.parse(line) as { torch: string; threads: number };
    python.version = torch;
    python.threads = own;
    return python;
  }

  #whyNot(): string {
    const mend =
      "install it (Debian and Ubuntu: apt install python3-torch; elsewhere: python3 -m pip install torch), " +
      "or name a Python that has it by --python PATH";
    if (/ENOENT|EACCES/.test(this.#said))
      return `--torch-cpu needs Python 3 with PyTorch, and ${this.path} can't be run: ${mend}`;
    if (/No module named '(torch|numpy)'/.test(this.#said))
      return `--torch-cpu needs PyTorch, which ${this.path} does not have: ${mend}`;
    return `--torch-cpu: ${this.#lastWords()}`;
  }

  #lastWords(): string {
    return `${this.path} ${SCRIPT} ended: ${this.#said.trim().split("\n").at(-1) || "it said nothing"}`;
  }

  #arrived(line: string | undefined): void {
    const next = this.#waiting;
    this.#waiting = undefined;
    next?.(line);
  }

  #line(): Promise<string | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((done) => {
      this.#waiting = done;
    });
  }

  /** Builds a case, begins with the weights and inputs of the file, if one is given, and runs it. */
  prepare(description: object, start: string | null): Promise<Prepared | Failed> {
    return this.#ask<Prepared>({ prepare: description, start });
  }

  /** Milliseconds of one of so many runs. Throws Error where that fails. */
  async run(repeats: number): Promise<Took> {
    const told = await this.#ask<Took>({ run: repeats });
    if ("error" in told) throw new Error(`PyTorch: ${told.error}`);
    return told;
  }

  /** One request at a time. Throws Error where the process has ended. */
  async #ask<T>(asked: object): Promise<T | Failed> {
    const reply = this.#line();
    if (!this.#ended) this.#child.stdin.write(`${JSON.stringify(asked)}\n`);
    const line = await reply;
    if (line === undefined) throw new Error(this.#lastWords());
    return JSON.parse(line) as T | Failed;
  }

  end(): void {
    this.#child.stdin.end();
  }
}
