"""The other side of `conv_speed.py`: seconds of PyTorch's convolutions, as JSON on one line."""

from __future__ import annotations

import json
import sys
import time

import torch

LAYOUTS = {"channels_last": torch.channels_last, "default": torch.contiguous_format}


def seconds(side: int, channels: int, batch: int, layout: str) -> list[float]:
    """The least of three times of a forward pass, and of a forward and a backward pass."""
    form = LAYOUTS[layout]
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(memory_format=form)
    x = torch.randn(batch, channels, side, side).to(memory_format=form).requires_grad_()
    above = torch.randn_like(x)

    def forward() -> None:
        with torch.no_grad():
            conv(x)

    def both() -> None:
        torch.autograd.grad(conv(x), (x, conv.weight), above)

    found = []
    for work in (forward, both):
        times = []
        for _ in range(4):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        found.append(min(times[1:]))
    return found


def main() -> None:
    """Arguments: threads, then a JSON list of [side, channels, batch]."""
    torch.set_num_threads(int(sys.argv[1]))
    shapes = json.loads(sys.argv[2])
    found = {layout: [seconds(*shape, layout) for shape in shapes] for layout in LAYOUTS}
    print(json.dumps({"torch": torch.__version__, **found}))


if __name__ == "__main__":
    main()
