#!/usr/bin/env bash
# A line that is logged just before progress bars end is not printed.
# Version: npm cli-progress 3.12.0.
# One would guess: MultiBar.log(line) prints its line above the bars, at the latest when stop() gives the terminal back.
# Seen: log() keeps the line for the next redraw, and what stop() draws last are the bars alone, whether they stay or are
#   cleared: the line is gone, unless a redraw came between.
# A tool should: call multibar.update() before stop(), or write its lines by itself where no bar is drawn.
source "$(dirname "$0")/setup.bash"
npm_packages cli-progress@3.12.0
cat >seen.mjs <<'JS'
import { Writable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import cliProgress from "cli-progress";
import { report } from "./report.mjs";

/** What a terminal gets of a bar that ends `waitMs` after a line was logged. */
async function shown(waitMs, clearOnComplete = true, end = (bars) => bars.stop()) {
  let text = "";
  const stream = new Writable({ write: (chunk, _, done) => ((text += chunk), done()) });
  Object.assign(stream, { isTTY: true, columns: 80, cursorTo() {}, clearLine() {}, moveCursor() {} });
  const bars = new cliProgress.MultiBar({ stream, fps: 1, clearOnComplete }, cliProgress.Presets.legacy);
  const bar = bars.create(2, 0);
  await setTimeout(1250);
  bar.update(2);
  bars.log("what happened\n");
  if (waitMs > 0) await setTimeout(waitMs);
  end(bars);
  return text.includes("what happened") ? "printed" : "lost";
}

report([
  ["a line logged 1.5 s before stop()", await shown(1500), "printed"],
  ["a line logged just before stop()", await shown(0), "lost"],
  ["the same where the bars stay", await shown(0, false), "lost"],
  ["the same with update() before stop()", await shown(0, true, (bars) => { bars.update(); bars.stop(); }), "printed"],
]);
JS
node seen.mjs
