// How a command shows that it goes on: bars on a terminal, plain lines every few seconds elsewhere. All on stderr.
import cliProgress from "cli-progress";
import { clock } from "../report/quantities.ts";

/** Seconds left, from the rate of the recent work. The first piece, which waits for compilers, does not count. */
class Rate {
  readonly #times: number[] = [];
  add(): void {
    this.#times.push(performance.now());
    if (this.#times.length > 50) this.#times.shift();
  }
  /** Seconds a piece, or NaN where nothing is known yet. */
  get seconds(): number {
    const first = this.#times[0];
    const last = this.#times.at(-1);
    const steps = this.#times.length - 1;
    return first === undefined || last === undefined || steps < 1 ? NaN : (last - first) / 1000 / steps;
  }
}

export interface Bar {
  /** One more of `total` is done. */
  advance(note?: string): void;
  done(): void;
}

/** Plain lines come at most this often. */
const LINE_SECONDS = 10;

/** Where lines and bars go: process.stderr, or what is like it. */
export type NarratorStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

export interface NarratorOptions {
  /** Says nothing. */
  readonly quiet?: boolean | undefined;
  readonly stream?: NarratorStream;
  /** Says lines, without bars: another process shows them. */
  readonly noBars?: boolean;
}

const withBars = new Set<Narrator>();

/** Takes all bars off the screen: before an error is printed, and before the process ends. */
export function endBars(): void {
  for (const narrator of withBars) narrator.end();
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Gives the terminal back before a signal ends the process, where nothing else waits for it. */
function giveBack(signal: NodeJS.Signals): void {
  endBars();
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/** Writes lines and progress bars to stderr; nothing where it is quiet. */
export class Narrator {
  readonly #bars: boolean;
  readonly #noBars: boolean;
  readonly #stream: NarratorStream;
  #multi: cliProgress.MultiBar | undefined;
  /** Bars that are on the screen. */
  #shown = 0;
  readonly #told = new Set<string>();

  constructor({ quiet = false, stream = process.stderr, noBars = false }: NarratorOptions = {}) {
    this.quiet = quiet;
    this.#noBars = noBars;
    this.#stream = stream;
    this.#bars = stream.isTTY === true && !quiet;
  }
  readonly quiet: boolean;

  /** A line of its own, above any bar. */
  say(line: string): void {
    if (this.quiet) return;
    this.#told.add(line);
    this.#write(line);
  }

  #write(line: string): void {
    if (this.#multi) this.#multi.log(`${line}\n`);
    else this.#stream.write(`${line}\n`);
  }

  /**
   * What tells the lines of another process, behind its name; those that it begins with and that were said here already
   * are not said again. They are said even where this one is quiet: the other is quiet too, but for its errors.
   */
  retelling(name: string): (line: string) => void {
    let begins = true;
    return (line) => {
      begins &&= this.#told.has(line);
      if (!begins) this.#write(`${name}: ${line}`);
    };
  }

  /** A bar for `total` pieces of `what`; `start` are done already. */
  bar(what: string, total: number, start = 0): Bar {
    const rate = new Rate();
    let done = start;
    if (this.#noBars) return { advance() {}, done() {} };
    if (!this.#bars) {
      let last = performance.now();
      return {
        advance: (note = "") => {
          done++;
          rate.add();
          const now = performance.now();
          if (this.quiet || (now - last < LINE_SECONDS * 1000 && done < total)) return;
          last = now;
          const left = `${clock(rate.seconds * (total - done))} left`;
          this.#stream.write(`${[`${what} ${done}/${total}`, ...(note ? [note] : []), left].join("  ")}\n`);
        },
        done: () => {},
      };
    }
    this.#multi ??= new cliProgress.MultiBar(
      {
        format: "{what} {bar} {value}/{total}  {left} left  {note}",
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
        stream: this.#stream,
        linewrap: false,
        autopadding: true,
      },
      cliProgress.Presets.shades_classic,
    );
    const multi = this.#multi;
    this.#shown++;
    if (withBars.size === 0) for (const signal of SIGNALS) process.once(signal, giveBack);
    withBars.add(this);
    const bar = multi.create(total, start, { what: what.padEnd(12), note: "", left: "--:--" });
    return {
      advance: (note = "") => {
        done++;
        rate.add();
        bar.update(done, { note, left: clock(rate.seconds * (total - done)) });
      },
      done: () => {
        multi.remove(bar);
        // With the last bar goes what it changed of the terminal, and lines are written at once again.
        if (--this.#shown === 0) this.end();
      },
    };
  }

  /** Takes the bars off the screen. */
  end(): void {
    // Lines that wait are written by an update alone.
    this.#multi?.update();
    this.#multi?.stop();
    this.#multi = undefined;
    this.#shown = 0;
    withBars.delete(this);
    if (withBars.size === 0) for (const signal of SIGNALS) process.removeListener(signal, giveBack);
  }
}
