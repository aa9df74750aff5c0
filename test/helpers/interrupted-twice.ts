// A process of its own that gets Ctrl-C twice, and would go on for a minute.
import { listenForInterrupt } from "../../node/run/interrupt.ts";

const { signal } = listenForInterrupt((line) => process.stdout.write(`${line}\n`));
setTimeout(() => process.exit(0), 60_000);
signal.addEventListener("abort", () => setTimeout(() => process.kill(process.pid, "SIGINT"), 10));
process.kill(process.pid, "SIGINT");
