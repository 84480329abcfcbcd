"""The other side of `peer.py`: the same methods in plain PyTorch, augmented with Pillow.

Started by `peer.py` with the Python of an environment that has torch, numpy and Pillow. It reads
lines from standard input ("steps N", "quit") and answers each with the seconds it took.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
from peer_torch_nets import DINO, MAE, Perceptron, ResNet18, SimCLR, ViT
from peer_torch_views import Views
from torch import nn


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
    parser.add_argument("--default-layout", action="store_true", help="instead of channels-last")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = arguments.device
    net, optimizer = build(arguments.case, arguments.width)
    layout = torch.contiguous_format if arguments.default_layout else torch.channels_last
    net = net.to(device, memory_format=layout)
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
