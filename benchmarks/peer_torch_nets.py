"""Networks and methods of `peer_torch.py`: ResNet-18, ViT, perceptron; SimCLR, MAE, DINO."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.norm0 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, H, W] to [B, width, H', W']."""
        y = self.norm1(self.conv1(F.relu(self.norm0(self.conv0(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 with the stem of small images, width a factor on its channels."""

    def __init__(self, width: float) -> None:
        super().__init__()
        base = round(64 * width)
        layers = [nn.Conv2d(3, base, 3, 1, 1, bias=False), nn.BatchNorm2d(base), nn.ReLU()]
        channels = base
        for stage in range(4):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(BasicBlock(channels, base * 2**stage, stride))
                channels = base * 2**stage
        self.body, self.width = nn.Sequential(*layers), channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] to [B, D]."""
        return self.body(x).mean((2, 3))


class Block(nn.Module):
    """Pre-norm transformer block with fused attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm0, self.norm1 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, N, D] to [B, N, D]."""
        batch, length, width = x.shape
        parts = self.qkv(self.norm0(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm1(x))


class ViT(nn.Module):
    """Vision transformer with a class token and fixed positions."""

    def __init__(self, size: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patch, self.width = patch, width
        self.embed = nn.Linear(3 * patch * patch, width)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("positions", 0.02 * torch.randn(1, (size // patch) ** 2, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, 1e-6)

    def patches(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] to [B, N, 3 P P]."""
        return F.unfold(x, self.patch, stride=self.patch).transpose(1, 2)

    def tokens(self, x: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Class token and patches after the norm, [B, 1 + K, D]."""
        patches = self.patches(x)
        if keep is not None:
            patches = patches.gather(1, keep[..., None].expand(-1, -1, patches.shape[-1]))
        z = self.embed(patches)
        places = self.positions
        if keep is None and places.shape[1] != patches.shape[1]:  # small crops
            old, new = (round(n**0.5) for n in (places.shape[1], patches.shape[1]))
            grid = places.reshape(1, old, old, -1).permute(0, 3, 1, 2)
            grid = F.interpolate(grid, (new, new), mode="bicubic")
            places = grid.permute(0, 2, 3, 1).reshape(1, new * new, -1)
        places = places.expand(len(x), -1, -1)
        if keep is not None:
            places = places.gather(1, keep[..., None].expand(-1, -1, self.width))
        z = torch.cat([self.cls.expand(len(x), -1, -1), z + places], 1)
        return self.norm(self.blocks(z))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] to [B, D]."""
        return self.tokens(x)[:, 0]


class Perceptron(nn.Module):
    """Two hidden layers on flat inputs."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU()),
            *(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()),
        )
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, ...] to [B, width]."""
        return self.body(x)


class SimCLR(nn.Module):
    """Encoder, projector and NT-Xent."""

    def __init__(self, encoder: nn.Module, hidden: int, out: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(
            *(nn.Linear(encoder.width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()),
            *(nn.Linear(hidden, out, bias=False), nn.BatchNorm1d(out)),
        )

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Two views [B, ...] to the loss."""
        z = F.normalize(self.head(self.encoder(torch.cat([a, b]))).float())
        logits = z @ z.T / 0.5
        logits.fill_diagonal_(float("-inf"))
        return F.cross_entropy(logits, torch.arange(2 * len(a), device=z.device).roll(len(a)))


class MAE(nn.Module):
    """Masked autoencoder: 75 % of the patches hidden, squared error on them."""

    def __init__(self, encoder: ViT, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.encoder = encoder
        count = encoder.positions.shape[1]
        self.enter = nn.Linear(encoder.width, width)
        self.hidden = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("positions", 0.02 * torch.randn(1, count, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, 1e-6)
        self.leave = nn.Linear(width, 3 * encoder.patch**2)

    def forward(self, x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] to the loss."""
        count = self.positions.shape[1]
        order = torch.rand(len(x), count, device=x.device).argsort(1)
        kept = count // 4
        z = self.enter(self.encoder.tokens(x, order[:, :kept])[:, 1:])
        whole = torch.cat([z, self.hidden.expand(len(x), count - kept, -1)], 1)
        index = order.argsort(1)[..., None].expand(-1, -1, whole.shape[-1])
        y = self.leave(self.norm(self.blocks(whole.gather(1, index) + self.positions)))
        target = self.encoder.patches(x)
        error = (y - target).square().mean(-1)
        return error.gather(1, order[:, kept:]).mean()


class DINO(nn.Module):
    """Self-distillation of 2 large and 8 small crops, with teacher, centre and 65536 outputs."""

    def __init__(self, make: Callable[[], ViT]) -> None:
        super().__init__()
        self.student, self.teacher = self.side(make()), self.side(make())
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(False)
        self.register_buffer("centre", torch.zeros(65536))

    def side(self, encoder: ViT) -> nn.ModuleDict:
        """Encoder, projector and the normalised last layer."""
        head = nn.Sequential(
            *(nn.Linear(encoder.width, 2048), nn.GELU(), nn.Linear(2048, 2048), nn.GELU()),
            nn.Linear(2048, 256),
        )
        return nn.ModuleDict(
            {"encoder": encoder, "head": head, "last": nn.Linear(256, 65536, bias=False)}
        )

    def scores(self, side: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W] to [B, 65536]."""
        z = F.normalize(side["head"](side["encoder"](x)), dim=-1)
        return F.linear(z, F.normalize(side["last"].weight, dim=-1)).float()

    def forward(self, large: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
        """Crops [2 B, 3, 224, 224] and [8 B, 3, 96, 96] to the loss."""
        with torch.no_grad():
            found = self.scores(self.teacher, large)
            target = F.softmax((found - self.centre) / 0.07, -1).chunk(2)
            self.centre.mul_(0.9).add_(0.1 * found.mean(0))
        parts = [*self.scores(self.student, large).chunk(2)]
        parts += [*self.scores(self.student, small).chunk(8)]
        total, terms = 0.0, 0
        for i, q in enumerate(target):
            for j, part in enumerate(parts):
                if i != j:
                    total = total - (q * F.log_softmax(part / 0.1, -1)).sum(-1).mean()
                    terms += 1
        return total / terms

    @torch.no_grad()
    def follow(self) -> None:
        """The teacher after an update of the student."""
        sides = (list(side.parameters()) for side in (self.teacher, self.student))
        teacher, student = sides
        torch._foreach_lerp_(teacher, student, 0.004)
