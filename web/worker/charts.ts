// Charts as SVG, drawn here and not on the page's own thread: that takes longer than a frame.
import type { ChartOptions, Line } from "../../report/page/charts.ts";

export class Charts {
  /** The markup of lines over one axis. */
  async lines(lines: readonly Line[], options: Omit<ChartOptions, "document">): Promise<string> {
    const [{ lineChart }, { plotDocument }] = await Promise.all([
      import("../../report/page/charts.ts"),
      import("../../report/page/plot-document.ts"),
    ]);
    const { text } = lineChart(lines, { ...options, document: await plotDocument() });
    // The page's policy lets no style element apply; style.css has what Plot's says.
    // The chart is one image to screen readers: the names that Plot gives to its groups have no place in it.
    return text.replace(/<style>[\s\S]*?<\/style>/g, "").replace(/ aria-(label|description)="[^"]*"/g, "");
  }
}
