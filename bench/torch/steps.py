"""Networks at inference and in training, and the steps of train/regimes/cmedl.ts and student-only.ts."""
import random

import torch
import torch.nn.functional as F

import arena as A
import networks as N

MAKE = {
    "unet": lambda share: N.UNet(int(64 * share)),
    "dense-fcn": lambda share: N.DenseFcn(int(48 * share), int(12 * share)),
    "mrrn": lambda share: N.Mrrn(int(32 * share)),
    "generator": lambda share: N.Generator(int(64 * share)),
    "sd-unet": lambda _: A.SdUNet(),
    "resnet-50": lambda _: A.ResNet50(),
}


class Work:
    """What a case does: `run` once, which gives results by name, on these networks and inputs (NCHW); its optimizers by name."""

    def __init__(self, run, modules=(), inputs=None, optimizers=None):
        self.run, self.modules, self.inputs, self.optimizers = run, modules, inputs or {}, optimizers or {}

    def norms(self):
        """Of the whole gradient of each optimizer in the latest run."""
        return {f"norm {name}": o.norm() for name, o in self.optimizers.items()}


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

    def norm(self):
        return torch.stack([p.grad.norm() for p in self.parameters if p.grad is not None]).norm()


class ImagePool:
    """The history that a discriminator judges: half of the time an old image takes the place of a new one."""

    def __init__(self, capacity):
        self.capacity, self.held = capacity, []

    def exchange(self, images):
        given = []
        for image in images.detach():
            if len(self.held) < self.capacity:
                self.held.append(image)
            elif self.held and random.random() < 0.5:
                slot = random.randrange(self.capacity)
                image, self.held[slot] = self.held[slot], image
            given.append(image)
        return torch.stack(given)


def network(case, device, amp):
    """A case of the groups network and step."""
    size, batch = case["size"], case["batch"]
    image = lambda: torch.rand(batch, case.get("channels", 1), size, size, device=device) * 2 - 1
    mask = lambda: (image() > 0.4).float()
    autocast = lambda: torch.autocast(device_type=device, enabled=amp)
    if case["network"] in ("cmedl", "ct-only"):
        inputs = {"xC": image(), "yC": mask(), "xM": image(), "yM": mask()}
        return (cmedl if case["network"] == "cmedl" else ct_only)(case, inputs, device, amp)
    net = MAKE[case["network"]](case.get("share", 1)).to(device)
    first = lambda y: y[0] if isinstance(y, tuple) else y
    if case["pass"] == "inference":
        net.eval()
        inputs = {"image": image()}

        def infer():
            with torch.no_grad(), autocast():
                return {"y": first(net(inputs["image"]))}
        return Work(infer, [net], inputs)
    inputs = {"x": image(), "t": image() if case["network"] == "generator" else mask()}
    loss = F.l1_loss if case["network"] == "generator" else dice
    optimizer = Optimizer([net], 1e-3, amp)

    def train():
        with autocast():
            value = loss(first(net(inputs["x"])), inputs["t"])
        optimizer.minimize(value)
        return {"loss": value}
    return Work(train, [net], inputs)


def ct_only(case, inputs, device, amp):
    SC = N.UNet(case["segmentor"]).to(device)
    S = Optimizer([SC], case["rates"]["S"], amp)

    def step():
        with torch.autocast(device_type=device, enabled=amp):
            value = dice(SC(inputs["xC"])[0], inputs["yC"])
        S.minimize(value)
        return {"diceCT": value, "lossS": value}
    return Work(step, [SC], inputs, {"S": S})


def cmedl(case, inputs, device, amp):
    generator, discriminator = lambda: N.Generator(*case["generator"]), lambda: N.Discriminator(*case["discriminator"])
    segmentor = lambda: N.UNet(case["segmentor"])
    modules = [m.to(device) for m in (generator(), generator(), discriminator(), discriminator(), segmentor(), segmentor(), N.Vgg19(*case["features"]))]
    GCM, GMC, DM, DC, SC, SM, V = modules
    rates, translated = case["rates"], case["segPC"]
    G, D, S = Optimizer([GCM, GMC], rates["G"], amp), Optimizer([DM, DC], rates["D"], amp), Optimizer([SC, SM], rates["S"], amp)
    poolM, poolC = ImagePool(case["pool"]), ImagePool(case["pool"])
    square = lambda d, t: ((d.float() - t) ** 2).mean()
    hint = lambda a, b: sum(((p - q) ** 2).mean() for p, q in zip(a, b))
    autocast = lambda: torch.autocast(device_type=device, enabled=amp)

    def step():
        xC, yC, xM, yM = (inputs[k] for k in ("xC", "yC", "xM", "yM"))
        with autocast():
            pM, pC = GCM(xC), GMC(xM)
            teacher = SM(pM)
            losses = {
                "advM": square(DM(pM), 1), "advC": square(DC(pC), 1),
                "cycC": (GMC(pM) - xC).abs().mean(), "cycM": (GCM(pC) - xM).abs().mean(),
                "cx": sum(contextual(a, b) for a, b in zip(V(pM), V(xM))) / len(V.taps),
                "hintG": hint(SC(xC)[1], teacher[1]), "segPMG": dice(teacher[0], yC),
            }
            weights = {"cycC": 10, "cycM": 10, "segPMG": 5}
            losses["lossG"] = sum(weights.get(name, 1) * value for name, value in losses.items())
        G.minimize(losses["lossG"])
        with autocast():
            for name, d, real, fake in (("lossDM", DM, xM, poolM.exchange(pM)), ("lossDC", DC, xC, poolC.exchange(pC))):
                losses[name] = 0.5 * (square(d(real), 1) + square(d(fake), 0))
        D.minimize(losses["lossDM"] + losses["lossDC"])
        with autocast():
            with torch.no_grad():
                pM, pC = GCM(xC), GMC(xM) if translated else None
            student, pseudo = SC(xC), SM(pM)
            terms = {"diceCT": dice(student[0], yC), "dicePM": dice(pseudo[0], yC), "diceRM": dice(SM(xM)[0], yM)}
            if translated:
                terms["dicePC"] = dice(SC(pC)[0], yM)
            hinted = hint(student[1], pseudo[1])
            losses |= terms | {"hintS": hinted, "lossS": 5 * sum(terms.values()) + hinted}
        S.minimize(losses["lossS"])
        return losses
    return Work(step, modules, inputs, {"G": G, "D": D, "S": S})


def modes(device):
    """(name, settings) to run in: f32 on a CPU; f32 without and with TF32, and AMP, on a GPU."""
    if device == "cpu":
        return [("pytorch f32", False, False)]
    return [("pytorch f32", False, False), ("pytorch tf32", True, False), ("pytorch amp", True, True)]
