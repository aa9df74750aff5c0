"""The paper's networks in PyTorch, wired as models/*.ts, with parameters in the same order."""
import torch
import torch.nn.functional as F
from torch import nn


def block(c, k):
    """Twice conv 3x3, batch norm, ReLU."""
    return nn.Sequential(*(m for a in (c, k) for m in (nn.Conv2d(a, k, 3, padding=1), nn.BatchNorm2d(k), nn.ReLU(inplace=True))))


class UNet(nn.Module):
    def __init__(self, width=64, depth=4):
        super().__init__()
        level = [width * 2 ** min(i, depth - 1) for i in range(depth + 1)]
        self.inc = block(1, level[0])
        self.down = nn.ModuleList(block(a, b) for a, b in zip(level, level[1:]))
        self.up = nn.ModuleList(block(2 * s, s if i == depth - 1 else s // 2) for i, s in enumerate(reversed(level[:-1])))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        y, skips, decoded = self.inc(x), [], []
        for down in self.down:
            skips.append(y)
            y = down(F.max_pool2d(y, 2))
        for up in self.up:
            skip = skips.pop()
            y = up(torch.cat([skip, F.interpolate(y, skip.shape[2:], mode="bilinear", align_corners=True)], 1))
            decoded.append(y)
        return self.head(y), decoded[-2:]


class NormConv(nn.Sequential):
    def __init__(self, c, k, kernel, drop=0.2):
        super().__init__(nn.BatchNorm2d(c), nn.ReLU(inplace=True), nn.Conv2d(c, k, kernel, padding=kernel // 2), nn.Dropout2d(drop))


class DenseBlock(nn.Module):
    def __init__(self, c, growth, layers):
        super().__init__()
        self.layers = nn.ModuleList(NormConv(c + i * growth, growth, 3) for i in range(layers))

    def forward(self, x):
        added, y = [], x
        for layer in self.layers:
            added.append(layer(y))
            y = torch.cat([x, *added], 1)
        return torch.cat(added, 1), y


class DenseFcn(nn.Module):
    def __init__(self, width=48, growth=12, layers=4, depth=5):
        super().__init__()
        skips = [width + (i + 1) * layers * growth for i in range(depth)]
        raised = growth * layers
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.encoder = nn.ModuleList(DenseBlock(a, growth, layers) for a in [width, *skips[:-1]])
        self.down = nn.ModuleList(NormConv(s, s, 1) for s in skips)
        self.bottleneck = DenseBlock(skips[-1], growth, layers)
        self.up = nn.ModuleList(nn.ConvTranspose2d(raised, raised, 3, stride=2) for _ in skips)
        self.decoder = nn.ModuleList(DenseBlock(raised + s, growth, layers) for s in reversed(skips))
        self.head = nn.Conv2d(raised + skips[0] + layers * growth, 1, 1)

    def forward(self, x):
        y, skips = self.first(x), []
        for dense, down in zip(self.encoder, self.down):
            _, y = dense(y)
            skips.append(y)
            y = F.max_pool2d(down(y), 2)
        y, whole = self.bottleneck(y)[0], None
        for up, dense in zip(self.up, self.decoder):
            skip = skips.pop()
            y, whole = dense(torch.cat([up(y)[:, :, :skip.shape[2], :skip.shape[3]], skip], 1))
        return self.head(whole), [whole]


class ResidualConnection(nn.Module):
    def __init__(self, c, stride, stream, k):
        super().__init__()
        self.stride, self.drop, self.block, self.adjust = stride, nn.Dropout2d(0.5), block(stream + c, k), nn.Conv2d(k, stream, 1)

    def forward(self, p, r):
        p = self.block(torch.cat([self.drop(F.max_pool2d(r, self.stride)), p], 1))
        return p, r + F.interpolate(self.adjust(p), scale_factor=self.stride, mode="bilinear", align_corners=False)


STAGES = [(2, [1, 1, 1]), (3, [1, 2, 1]), (4, [1, 3, 2, 1]), (5, [1, 4, 3, 2, 1]), (4, [1, 3, 2, 1]), (3, [1, 2, 1]), (2, [1, 1, 1])]


class Mrrn(nn.Module):
    def __init__(self, width=32, units=3):
        super().__init__()
        one = lambda a, b: nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
        channels = lambda level: width * 2 ** (level - 1)
        self.stem, self.before = one(1, width), nn.ModuleList(one(width, width) for _ in range(units))
        self.stream, self.stages, last = nn.Conv2d(width, width, 1), nn.ModuleList(), width
        for i, (level, streams) in enumerate(STAGES):
            if i == 6:
                last = channels(2)
            stage = nn.ModuleList()
            for s in streams:
                stage.append(ResidualConnection(last, 2 ** (level - s), channels(s), channels(level)))
                last = channels(level)
            self.stages.append(stage)
        self.join, self.after = one(3 * width, width), nn.ModuleList(one(width, width) for _ in range(units))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        up = lambda t: F.interpolate(t, scale_factor=2, mode="bilinear", align_corners=False)
        y = self.stem(x)
        for unit in self.before:
            y = y + unit(y)
        r = {1: F.relu(self.stream(y))}

        def run(i, p):
            for s, unit in zip(STAGES[i][1], self.stages[i]):
                p, r[s] = unit(p, r[s])
            return p

        for i in range(4):
            y = run(i, F.max_pool2d(y, 2))
            r[STAGES[i][0]] = y
        y = run(5, up(run(4, up(y))))
        coarse, fine = up(y), up(run(6, r[2]))
        y = self.join(torch.cat([r[1], fine], 1))
        for unit in self.after:
            y = y + unit(y)
        return self.head(y), [coarse, fine]


class ResidualBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        conv = lambda: [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c)]
        self.body = nn.Sequential(*conv(), nn.ReLU(inplace=True), *conv())

    def forward(self, x):
        return x + self.body(x)


class Generator(nn.Sequential):
    def __init__(self, width=64, blocks=9):
        after = lambda c: [nn.InstanceNorm2d(c), nn.ReLU(inplace=True)]
        w = width
        super().__init__(
            nn.ReflectionPad2d(3), nn.Conv2d(1, w, 7), *after(w),
            nn.Conv2d(w, 2 * w, 3, 2, 1), *after(2 * w), nn.Conv2d(2 * w, 4 * w, 3, 2, 1), *after(4 * w),
            *(ResidualBlock(4 * w) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1), *after(2 * w), nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1), *after(w),
            nn.ReflectionPad2d(3), nn.Conv2d(w, 1, 7), nn.Tanh())


class Discriminator(nn.Sequential):
    def __init__(self, width=64, layers=3):
        c = lambda i: width * min(2 ** i, 8)
        middle = (m for i in range(layers) for m in (nn.Conv2d(c(i), c(i + 1), 4, 1 if i == layers - 1 else 2, 1), nn.InstanceNorm2d(c(i + 1)), nn.LeakyReLU(0.2, True)))
        super().__init__(nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(0.2, True), *middle, nn.Conv2d(c(layers), 1, 4, 1, 1))


class Vgg19(nn.Module):
    """VGG19 to the paper's taps, which `taps` numbers among the convolutions."""

    def __init__(self, width=64, taps=(6, 7, 8)):
        super().__init__()
        self.taps, plan = set(taps), [width] * 2 + [2 * width] * 2 + [4 * width] * 4 + [8 * width] * 4
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in list(zip([3, *plan], plan))[:max(taps) + 1])
        self.pools = {2, 4, 8}
        # ImageNet's, of red, green and blue.
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1))
        for p in self.parameters():
            p.requires_grad_(False)

    def forward(self, image):
        y, found = (image * 0.5 + 0.5 - self.mean) / self.deviation, []
        for i, conv in enumerate(self.convs):
            y = F.relu(conv(F.max_pool2d(y, 2) if i in self.pools else y))
            if i in self.taps:
                found.append(y)
        return found
