"""`bench.py --serve`: lines of JSON in, lines of JSON out, on the CPU.

    {"prepare": case, "start": FILE or null}   → {"results": {name: numbers} or null}: of the case's last of `runs`, NHWC
    {"run": repeats}                           → {"wallMs": of one, "cpuMs": of one, by time.process_time}

FILE is a line {"weights": [shape …], "inputs": {name: shape}}, then all of these as f32: NHWC and RSCK, weights in the order of
the networks' parameters. What fails is {"error": sentence}.
"""
import gc
import json
import math
import sys
import time

import torch


def start_of(file):
    """Weights in their order and inputs by name, as the file holds them."""
    with open(file, "rb") as f:
        told = json.loads(f.readline())
        take = lambda shape: torch.frombuffer(bytearray(f.read(4 * math.prod(shape))), dtype=torch.float32).reshape(shape)
        return [take(shape) for shape in told["weights"]], {name: take(shape) for name, shape in told["inputs"].items()}


def begin(work, file):
    """Gives networks and inputs the values of the file."""
    weights, inputs = start_of(file)
    own = [p for m in work.modules for p in m.parameters()]
    if len(own) != len(weights):
        raise RuntimeError(f"PyTorch's networks have {len(own)} parameters, cmedl's {len(weights)}")
    for i, (p, w) in enumerate(zip(own, weights)):
        # RSCK → KCRS, [C, K] → [K, C].
        w = w.permute(3, 2, 0, 1) if w.dim() == 4 else w.t() if w.dim() == 2 else w
        if p.shape != w.shape:
            raise RuntimeError(f"parameter {i} is {list(p.shape)} in PyTorch, {list(w.shape)} in cmedl")
        p.data.copy_(w)
    for name, x in inputs.items():
        work.inputs[name].copy_(x.permute(0, 3, 1, 2))


def told(t):
    """Numbers of a result, NHWC."""
    return (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).detach().flatten().tolist()


class Server:
    def __init__(self, make):
        self.make, self.work = make, None

    def answer(self, asked):
        if "prepare" in asked:
            torch.manual_seed(1)
            # What the case before has held is over.
            self.work = None
            gc.collect()
            self.work = self.make(asked["prepare"])
            if asked["start"]:
                begin(self.work, asked["start"])
            for _ in range(asked["prepare"]["runs"]):
                results = self.work.run()
            results = results | self.work.norms() if asked["start"] else {}
            return {"results": {name: told(t) for name, t in results.items()} if asked["start"] else None}
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(asked["run"]):
            self.work.run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {"wallMs": 1000 * wall / asked["run"], "cpuMs": 1000 * cpu / asked["run"]}


def serve(make):
    """Until the input ends. `make` gives the work of a case."""
    server = Server(make)

    def say(reply):
        sys.stdout.write(json.dumps(reply, allow_nan=False) + "\n")
        sys.stdout.flush()

    say({"torch": torch.__version__, "threads": torch.get_num_threads()})
    for line in sys.stdin:
        try:
            say(server.answer(json.loads(line)))
        except Exception as error:
            say({"error": (str(error) or repr(error)).splitlines()[0]})
