"""Networks at inference and in training, and the CMEDL step of train/regimes/cmedl.ts."""
import torch
import torch.nn.functional as F

import networks as N

MAKE = {
    "unet": lambda share: N.UNet(int(64 * share)),
    "dense-fcn": lambda share: N.DenseFcn(int(48 * share), int(12 * share)),
    "mrrn": lambda share: N.Mrrn(int(32 * share)),
    "generator": lambda share: N.Generator(int(64 * share)),
}


def dice(logits, t):
    p = torch.sigmoid(logits.float())
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


def contextual(x, y):
    """-log CX of features [N, C, H, W], cosine distance, band width 1/2."""
    x, y = x.float().flatten(2), y.float().flatten(2)
    centre = y.mean((0, 2), keepdim=True)
    x, y = F.normalize(x - centre, dim=1), F.normalize(y - centre, dim=1)
    d = 1 - torch.bmm(x.transpose(1, 2), y)
    w = torch.exp((1 - d / (d.amin(2, keepdim=True) + 1e-5)) / 0.5)
    return -torch.log((w / w.sum(2, keepdim=True)).amax(1).mean(1) + 1e-5).mean()


class Optimizer:
    """Adam, with the scaling that half precision needs."""

    def __init__(self, modules, rate, amp):
        self.parameters = [p for m in modules for p in m.parameters()]
        self.adam = torch.optim.Adam(self.parameters, rate, betas=(0.5, 0.999))
        self.scaler = torch.cuda.amp.GradScaler(enabled=amp)

    def minimize(self, loss):
        self.adam.zero_grad(set_to_none=True)
        gradients = torch.autograd.grad(self.scaler.scale(loss), self.parameters, allow_unused=True)
        for p, g in zip(self.parameters, gradients):
            p.grad = g
        self.scaler.step(self.adam)
        self.scaler.update()


def network(case, scale, device, amp):
    """A function of nothing that runs the network or trains it once."""
    size, batch, share = scale["size"], scale["batch"], scale["share"]
    image = lambda: torch.rand(batch, 1, size, size, device=device) * 2 - 1
    autocast = lambda: torch.autocast(device_type=device, enabled=amp)
    if case["network"] == "cmedl":
        return cmedl(size, batch, share, device, amp)
    net = MAKE[case["network"]](share).to(device)
    first = lambda y: y[0] if isinstance(y, tuple) else y
    x = image()
    if case["pass"] == "inference":
        net.eval()

        def infer():
            with torch.no_grad(), autocast():
                return first(net(x))
        return infer
    target = image() if case["network"] == "generator" else (image() > 0.4).float()
    loss = F.l1_loss if case["network"] == "generator" else dice
    optimizer = Optimizer([net], 1e-3, amp)

    def train():
        with autocast():
            value = loss(first(net(x)), target)
        optimizer.minimize(value)
    return train


def cmedl(size, batch, share, device, amp):
    w = int(64 * share)
    GCM, GMC, DM, DC, SC, SM, V = (m.to(device) for m in (N.Generator(w), N.Generator(w), N.Discriminator(w), N.Discriminator(w), N.UNet(w), N.UNet(w), N.Vgg19(w)))
    G, D, S = Optimizer([GCM, GMC], 1e-4, amp), Optimizer([DM, DC], 1e-4, amp), Optimizer([SC, SM], 2e-4, amp)
    image = lambda: torch.rand(batch, 1, size, size, device=device) * 2 - 1
    xC, xM, yC, yM = image(), image(), (image() > 0.4).float(), (image() > 0.4).float()
    square = lambda d, t: ((d.float() - t) ** 2).mean()
    hint = lambda a, b: sum(((p - q) ** 2).mean() for p, q in zip(a, b))
    autocast = lambda: torch.autocast(device_type=device, enabled=amp)

    def step():
        with autocast():
            pM, pC = GCM(xC), GMC(xM)
            rC, rM = GMC(pM), GCM(pC)
            student, teacher = SC(xC), SM(pM)
            cx = sum(contextual(a, b) for a, b in zip(V(pM), V(xM))) / 3
            lossG = (square(DM(pM), 1) + square(DC(pC), 1) + 10 * ((rC - xC).abs().mean() + (rM - xM).abs().mean()) + cx
                     + hint(student[1], teacher[1]) + 5 * dice(teacher[0], yC))
        G.minimize(lossG)
        with autocast():
            lossD = sum(0.5 * (square(d(real), 1) + square(d(fake.detach()), 0)) for d, real, fake in ((DM, xM, pM), (DC, xC, pC)))
        D.minimize(lossD)
        with autocast():
            pM = GCM(xC).detach()
            student, pseudo, real = SC(xC), SM(pM), SM(xM)
            lossS = 5 * (dice(student[0], yC) + dice(pseudo[0], yC) + dice(real[0], yM)) + hint(student[1], pseudo[1])
        S.minimize(lossS)
    return step


def modes(device):
    """(name, settings) to run in: f32 on a CPU; f32 without and with TF32, and AMP, on a GPU."""
    if device == "cpu":
        return [("pytorch f32", False, False)]
    return [("pytorch f32", False, False), ("pytorch tf32", True, False), ("pytorch amp", True, True)]

