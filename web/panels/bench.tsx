// The quick kernel cases on this GPU: rows as they come.
import { signal } from "@preact/signals";
import type { Remote } from "comlink";
import type { JSX } from "preact";
import { ROW_HEADS, aboveRoofline, measuredBy, rowCells } from "../../bench/say/cells.ts";
import { reportMarkdown } from "../../bench/say/markdown.ts";
import type { Report, Row } from "../../bench/say/report.ts";
import { during, say, work } from "../state.ts";
import { callback } from "../studio.ts";
import type { Kernels } from "../worker/kernels.ts";
import type { Progress } from "../worker/segmenting.ts";
import { Figures } from "../view/figures.tsx";
import { Copy } from "./copy.tsx";

const filter = signal("");
const rows = signal<readonly Row[]>([]);
const report = signal<Report | undefined>(undefined);

export function BenchSection({ worker }: { readonly worker: Remote<Kernels> }): JSX.Element {
  const done = report.value;
  return (
    <section aria-labelledby="bench-heading">
      <h2 id="bench-heading">Bench</h2>
      <form
        class="row"
        onSubmit={(event) => {
          event.preventDefault();
          void bench(worker);
        }}
      >
        <label>
          only cases with
          <input
            type="text"
            placeholder="conv 3x3 fwd"
            value={filter.value}
            onInput={(e) => {
              filter.value = e.currentTarget.value;
            }}
          />
        </label>
        <button type="submit" disabled={work.value !== undefined}>
          Measure
        </button>
        {done && <Copy what="the bench" json={() => done} markdown={() => reportMarkdown(done)} />}
      </form>
      {rows.value.length === 0 ? (
        <p class="note">
          One layer of each kind that the paper's networks have: forward and gradients, checked against f64 loops, then
          timed and held against this device's own peaks.
        </p>
      ) : (
        <Rows />
      )}
      {done && <p class="note">{measuredBy(done)}</p>}
      {aboveRoofline(rows.value) && <p class="warning">{aboveRoofline(rows.value)}</p>}
    </section>
  );
}

function Rows(): JSX.Element {
  return (
    <Figures label="results of the bench" heads={ROW_HEADS}>
      {rows.value.map((row) => {
        const [name, ...numbers] = rowCells(row);
        return (
          <tr key={row.name}>
            <th scope="row">{name}</th>
            {row.ms ? (
              numbers.map((cell, i) => (
                <td key={ROW_HEADS[i + 1]} class={ROW_HEADS[i + 1] === "% roofline" && row.ofPeak! > 1 ? "error" : ""}>
                  {cell}
                </td>
              ))
            ) : (
              <td colSpan={ROW_HEADS.length - 1} class="error says">
                wrong: {row.wrong}
              </td>
            )}
          </tr>
        );
      })}
    </Figures>
  );
}

async function bench(worker: Remote<Kernels>): Promise<void> {
  let isStopped = false;
  const found = (await during("measuring", (onProgress, stopped) => {
    stopped.addEventListener("abort", () => {
      isStopped = true;
    });
    rows.value = [];
    report.value = undefined;
    return worker.bench(
      filter.value,
      callback((row: Row) => {
        rows.value = [...rows.value, row];
      }),
      callback((progress: Progress) => onProgress(progress)),
      stopped,
    );
  })) as Report | undefined;
  if (!found) return;
  if (found.rows.length === 0) return say("stopped");
  report.value = found;
  const wrong = found.rows.filter((row) => !row.ms).length;
  const after = isStopped ? "stopped after " : "";
  const cases = `${found.rows.length} case${found.rows.length === 1 ? "" : "s"}`;
  say(`${after}${cases}${wrong > 0 ? `, ${wrong} wrong` : ", all right"}`);
}
