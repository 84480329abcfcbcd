"""The other side of `peer.py`: the same methods in plain PyTorch, augmented with Pillow.

Started by `peer.py` with the Python of an environment that has torch, numpy and Pillow. It reads
lines from standard input ("steps N", "quit") and answers each with the seconds it took.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from torch import nn

# --- networks -----------------------------------------------------------------------------------


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


# --- data ---------------------------------------------------------------------------------------


class Views(torch.utils.data.Dataset):
    """Two augmented views of an image, by Pillow, as the peers' data loaders make them."""

    def __init__(self, images: np.ndarray, case: str) -> None:
        self.images, self.case = images, case

    def __len__(self) -> int:
        return len(self.images)

    def crop(self, image: Image.Image, scale: tuple[float, float]) -> Image.Image:
        """A random resized crop."""
        side = image.size[0]
        for _ in range(10):
            area = side * side * random.uniform(*scale)
            ratio = float(np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3))))
            width, height = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < width <= side and 0 < height <= side:
                left, top = random.randint(0, side - width), random.randint(0, side - height)
                box = (left, top, left + width, top + height)
                return image.resize((side, side), Image.Resampling.BICUBIC, box)
        return image

    def view(self, image: Image.Image) -> torch.Tensor:
        """SimCLR's view of small images: crop, flip, colour jitter, grey."""
        if self.case == "mlp":
            image = self.crop(image, (0.5, 1.0))
            if random.random() < 0.8:
                image = ImageEnhance.Brightness(image).enhance(random.uniform(0.6, 1.4))
                image = ImageEnhance.Contrast(image).enhance(random.uniform(0.6, 1.4))
            return torch.from_numpy(np.asarray(image, np.float32) / 255)
        if self.case == "mae":
            image = self.crop(image, (0.2, 1.0))
            return self.finish(self.flip(image))
        image = self.flip(self.crop(image, (0.08, 1.0)))
        if random.random() < 0.8:
            image = self.jitter(image)
        if random.random() < 0.2:
            image = image.convert("L").convert("RGB")
        return self.finish(image)

    def flip(self, image: Image.Image) -> Image.Image:
        """Mirrored half of the time."""
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else image

    def jitter(self, image: Image.Image) -> Image.Image:
        """Brightness, contrast, saturation (0.4) and hue (0.1), in random order."""

        def hue(image: Image.Image) -> Image.Image:
            h, s, v = image.convert("HSV").split()
            shift = np.uint8(random.uniform(-0.1, 0.1) * 255 % 256)
            h = Image.fromarray(np.asarray(h) + shift)
            return Image.merge("HSV", (h, s, v)).convert("RGB")

        def by(kind: type) -> object:
            return lambda image: kind(image).enhance(random.uniform(0.6, 1.4))

        parts = [by(ImageEnhance.Brightness), by(ImageEnhance.Contrast)]
        parts += [by(ImageEnhance.Color), hue]
        random.shuffle(parts)
        for part in parts:
            image = part(image)
        return image

    def finish(self, image: Image.Image) -> torch.Tensor:
        """Normalised [3, H, W]."""
        x = torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)
        return (x - 0.5) / 0.25

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = Image.fromarray(self.images[index])
        first = self.view(image)
        return first, (first if self.case == "mae" else self.view(image))


# --- the worker ---------------------------------------------------------------------------------


def build(case: str, width: float) -> tuple[nn.Module, torch.optim.Optimizer]:
    """The module that maps two views to a loss, and its optimizer."""
    if case == "resnet":
        net = SimCLR(ResNet18(width), 512, 128)
    elif case == "vit":
        net = SimCLR(ViT(32, 4, 192, 12, 3), 512, 128)
    elif case == "mae":
        net = MAE(ViT(32, 4, 192, 12, 3), 192, 4, 3)
    elif case == "mae_b":
        net = MAE(ViT(224, 16, 768, 12, 12), 512, 8, 16)
    elif case == "dino_s":
        net = DINO(lambda: ViT(224, 16, 384, 12, 6))
    else:
        net = SimCLR(Perceptron(64, 256), 256, 64)
    if case in ("resnet", "mlp"):
        return net, torch.optim.SGD(net.parameters(), 0.06, momentum=0.9, weight_decay=5e-4)
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return net, torch.optim.AdamW(trained, 1e-3, weight_decay=0.05)


def resident(case: str, batch: int, device: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The same views again and again, on the device already: augmentation costs nothing."""
    side = 32 if case == "resnet" else 224
    shapes = ((batch, 3, side, side),) * 2
    if case == "dino_s":
        shapes = ((2 * batch, 3, 224, 224), (8 * batch, 3, 96, 96))
    pair = tuple(
        torch.randn(shape, device=device).to(memory_format=torch.channels_last) for shape in shapes
    )
    while True:
        yield pair


def main() -> None:
    """Answers lines until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=("resnet", "vit", "mae", "mlp", "mae_b", "dino_s"))
    parser.add_argument("--images", help="without it, views that lie on the device")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = arguments.device
    net, optimizer = build(arguments.case, arguments.width)
    net = net.to(device, memory_format=torch.channels_last)
    step = torch.compile(net) if arguments.compile else net
    loader = None
    if arguments.images:
        loader = torch.utils.data.DataLoader(
            Views(np.load(arguments.images), arguments.case),
            arguments.batch,
            shuffle=True,
            drop_last=True,
            num_workers=arguments.workers,
            persistent_workers=arguments.workers > 0,
        )
    batches = iter(loader) if loader else resident(arguments.case, arguments.batch, device)
    mixed = arguments.precision == "bfloat16"
    print("ready", torch.__version__, torch.get_num_threads(), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        count = int(line.split()[1])
        start = time.perf_counter()
        for _ in range(count):
            try:
                a, b = next(batches)
            except StopIteration:
                batches = iter(loader)
                a, b = next(batches)
            with torch.autocast(device, torch.bfloat16, enabled=mixed):
                loss = step(a, b)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if isinstance(net, DINO):
                net.follow()
        value = float(loss.detach())
        print(f"{time.perf_counter() - start:.6f} {value:.6f}", flush=True)


if __name__ == "__main__":
    main()
