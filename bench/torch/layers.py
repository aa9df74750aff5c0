"""One layer at a time, as bench/layers.ts describes it: shapes NHWC and RSCK there, NCHW here."""
import torch
import torch.nn.functional as F


def nchw(shape, device):
    n, h, w, c = shape
    return torch.randn(n, c, h, w, device=device)


def conv(layer, device):
    """The forward function and its operands."""
    r, s, c, k = layer["w"]
    x, w = nchw(layer["x"], device), torch.randn(k, c, r, s, device=device) * 0.1
    top, left, bottom, right = layer["pad"]
    stride, dilation, groups = layer["stride"], layer["dilation"], layer["groups"]
    if layer["op"] == "conv-transpose":
        # What crops less at the end is PyTorch's output padding.
        pad, extra = (top, left), (top - bottom, left - right)
        return (lambda x, w: F.conv_transpose2d(x, w, None, stride, pad, extra, groups, dilation)), x, w
    if layer["padMode"] == "reflect":
        return (lambda x, w: F.conv2d(F.pad(x, (left, right, top, bottom), mode="reflect"), w, None, stride, 0, dilation, groups)), x, w
    if (top, left) == (bottom, right):
        return (lambda x, w: F.conv2d(x, w, None, stride, (top, left), dilation, groups)), x, w
    return (lambda x, w: F.conv2d(F.pad(x, (left, right, top, bottom)), w, None, stride, 0, dilation, groups)), x, w


def kernel(case, device):
    """A function of nothing that computes the case once."""
    layer, name = case["layer"], case["pass"]
    op = layer["op"]
    if op in ("conv", "conv-transpose"):
        f, x, w = conv(layer, device)
        if name == "fwd":
            return lambda: f(x, w)
        wanted = x if name == "dx" else w
        wanted.requires_grad_(True)
        y = f(x, w)
        dy = torch.randn_like(y)
        # Only the gradient is timed: the graph is kept.
        return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)
    x = nchw(layer["x"], device)
    c = x.shape[1]
    if op.endswith("norm"):
        g, b = torch.randn(c, device=device), torch.randn(c, device=device)
        if op == "batch-norm":
            f = lambda: F.batch_norm(x, None, None, g, b, True)
        elif op == "instance-norm":
            f = lambda: F.instance_norm(x, None, None, g, b)
        else:
            f = lambda: F.group_norm(x, 1, g, b)
        operands = [x, g, b]
    else:
        operands = [x]
        if op == "resize":
            corners = {} if layer["mode"] == "nearest" else {"align_corners": layer["alignCorners"]}
            f = lambda: F.interpolate(x, tuple(layer["size"]), mode=layer["mode"], **corners)
        elif op == "max-pool":
            f = lambda: F.max_pool2d(x, layer["kernel"], layer["stride"], layer["pad"])
        else:
            f = lambda: F.avg_pool2d(x, layer["kernel"], layer["stride"], layer["pad"])
    if name == "fwd":
        return f
    for t in operands:
        t.requires_grad_(True)
    dy = torch.randn_like(f())
    if name == "bwd":
        y = f()
        return lambda: torch.autograd.grad(y, operands, dy, retain_graph=True)
    return lambda: torch.autograd.grad(f(), operands, dy)
