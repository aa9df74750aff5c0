"""The convolution networks of the Inference Arena, wired as bench/cases/arena.ts, with parameters in the same order."""
import torch
import torch.nn.functional as F
from torch import nn


def conv(c, k, kernel, stride=1):
    return nn.Conv2d(c, k, kernel, stride, kernel // 2, bias=False)


class ResidualUnit(nn.Module):
    def __init__(self, c, k, groups):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, c), conv(c, k, 3)
        self.norm2, self.conv2 = nn.GroupNorm(groups, k), conv(k, k, 3)
        if c != k:
            self.shortcut = conv(c, k, 1)

    def forward(self, x):
        y = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return y + (self.shortcut(x) if hasattr(self, "shortcut") else x)


class SdUNet(nn.Module):
    def __init__(self, channels=4, width=64, levels=3, groups=16):
        super().__init__()
        at = [width * 2 ** i for i in range(levels)]
        before = [width, *at[:-1]]
        self.first = conv(channels, width, 3)
        self.encoder = nn.ModuleList(ResidualUnit(a, b, groups) for a, b in zip(before, at))
        self.down = nn.ModuleList(conv(c, c, 3, 2) for c in at[:-1])
        self.middle = ResidualUnit(at[-1], at[-1], groups)
        self.decoder = nn.ModuleList(ResidualUnit(b + a, a, groups) for b, a in zip([at[-1], *at[:0:-1]], at[::-1]))
        self.norm, self.last = nn.GroupNorm(groups, width), conv(width, channels, 3)

    def forward(self, x):
        y, skips = self.first(x), []
        for i, unit in enumerate(self.encoder):
            y = unit(y)
            skips.append(y)
            if i < len(self.down):
                y = self.down[i](y)
        y = self.middle(y)
        for i, unit in enumerate(self.decoder):
            if i > 0:
                y = F.interpolate(y, scale_factor=2, mode="nearest")
            y = unit(torch.cat([y, skips.pop()], 1))
        return self.last(F.silu(self.norm(y)))


class Bottleneck(nn.Module):
    def __init__(self, c, middle, k, stride):
        super().__init__()
        self.conv1, self.norm1 = conv(c, middle, 1), nn.BatchNorm2d(middle)
        self.conv2, self.norm2 = conv(middle, middle, 3, stride), nn.BatchNorm2d(middle)
        self.conv3, self.norm3 = conv(middle, k, 1), nn.BatchNorm2d(k)
        if stride != 1 or c != k:
            self.shortcut, self.shortcut_norm = conv(c, k, 1, stride), nn.BatchNorm2d(k)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), True)
        y = self.norm3(self.conv3(F.relu(self.norm2(self.conv2(y)), True)))
        return F.relu(y + (self.shortcut_norm(self.shortcut(x)) if hasattr(self, "shortcut") else x), True)


class ResNet50(nn.Module):
    def __init__(self, width=64, blocks=(3, 4, 6, 3), classes=1000):
        super().__init__()
        self.stem, self.norm, self.stages, c = conv(3, width, 7, 2), nn.BatchNorm2d(width), nn.ModuleList(), width
        for i, count in enumerate(blocks):
            middle = width * 2 ** i
            for j in range(count):
                self.stages.append(Bottleneck(c, middle, 4 * middle, 2 if i > 0 and j == 0 else 1))
                c = 4 * middle
        self.head = nn.Linear(c, classes)

    def forward(self, x):
        y = F.max_pool2d(F.relu(self.norm(self.stem(x)), True), 3, 2, 1)
        for block in self.stages:
            y = block(y)
        return self.head(y.mean((2, 3)))
