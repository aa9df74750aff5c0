"""The cases of `npm run bench -- --cases FILE` in PyTorch, on a GPU where there is one.

    npm run bench -- --cases cases.json
    python3 bench/torch/bench.py cases.json torch.json [filter ...] [--cpu] [--threads N] [--mode f32|tf32|amp]
    npm run bench -- --torch torch-f32.json

Writes one JSON a mode, torch-f32.json and the like, in the form of bench/say/report.ts. On a GPU: f32 with TF32 off, TF32 on, and
AMP. `npm run bench -- --torch-cpu` runs it as `bench.py --serve --threads N`: serve.py says what it answers.
"""
import argparse
import json
import platform
import statistics
import sys
import time
from datetime import datetime, timezone

import torch

from layers import kernel
from serve import serve
from steps import Work, modes, network


def quantile(xs, q):
    xs = sorted(xs)
    at = q * (len(xs) - 1)
    low = int(at)
    return xs[low] + (at - low) * (xs[min(low + 1, len(xs) - 1)] - xs[low])


def samples(run, device, least=7, most=60, seconds=1.5):
    """Milliseconds of single runs, until the time is up; CUDA events on a GPU."""
    times, start = [], time.perf_counter()
    while len(times) < most and (len(times) < least or time.perf_counter() - start < seconds):
        if device == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            at = time.perf_counter()
            run()
            times.append(1000 * (time.perf_counter() - at))
    return times


def work_of(case, device, amp):
    """What a case of any group does."""
    if case["group"] != "kernel":
        return network(case, device, amp)
    inner = kernel(case, device)

    def run():
        with torch.autocast(device_type=device, enabled=amp):
            return inner()
    return Work(run)


def measure(case, device, amp):
    row = {k: case[k] for k in ("name", "group", "flops", "bytes")} | {"clock": "gpu" if device == "cuda" else "wall"}
    try:
        torch.manual_seed(1)
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        run = work_of(case, device, amp).run
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        first = 1000 * (time.perf_counter() - start)
        samples(run, device, 2, 2)
        ms = samples(run, device)
        row |= {"firstMs": first, "ms": {"median": statistics.median(ms), "p10": quantile(ms, 0.1), "p90": quantile(ms, 0.9), "samples": len(ms)}}
        if device == "cuda":
            row["peakBytes"] = torch.cuda.max_memory_allocated()
    except RuntimeError as error:
        row["wrong"] = str(error).splitlines()[0]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("filter", nargs="*")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", choices=("f32", "tf32", "amp"))
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    if options.serve:
        torch.set_num_threads(options.threads)
        return serve(lambda case: work_of(case, "cpu", False))
    if options.out is None:
        parser.error("give CASES and OUT: npm run bench -- --cases FILE writes the cases")
    device = "cuda" if torch.cuda.is_available() and not options.cpu else "cpu"
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True
    with open(options.cases) as f:
        given = json.load(f)
    plain = lambda s: s.lower().replace("×", "x").replace("→", ">")
    cases = [c for c in given["cases"] if all(plain(w) in plain(f"{c['group']} {c['name']}") for w in options.filter)]
    adapter = torch.cuda.get_device_name() if device == "cuda" else f"{platform.processor() or platform.machine()}, {options.threads} threads"
    for engine, tf32, amp in modes(device):
        mode = engine.split()[-1]
        if options.mode and mode != options.mode:
            continue
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        rows = []
        for case in cases:
            rows.append(measure(case, device, amp))
            ms = rows[-1].get("ms")
            print(f"{mode:5} {case['name']:52} {ms['median']:10.3f} ms" if ms else f"{mode:5} {case['name']:52} {rows[-1]['wrong']}", flush=True)
        report = {"engine": engine, "adapter": adapter, "software": device == "cpu", "date": datetime.now(timezone.utc).isoformat(), "command": " ".join(["python3", *sys.argv]), "host": f"PyTorch {torch.__version__}", "rows": rows}
        with open(options.out.replace(".json", f"-{mode}.json"), "w") as f:
            json.dump(report, f, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
