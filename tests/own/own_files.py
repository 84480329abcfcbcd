"""Tiny folders of data, as a user would bring them."""

from pathlib import Path

import numpy as np
from PIL import Image


def images(
    root: Path,
    names: list[str],
    *,
    size: tuple[int, int] = (10, 8),
    channels: int = 3,
    seed: int = 0,
) -> Path:
    """Writes images of a colour each with noise, PNG or by their suffix; sizes are (W, H)."""
    random = np.random.default_rng(seed)
    for k, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (size[1], size[0]) if channels == 1 else (size[1], size[0], channels)
        pixels = random.integers(0, 60, shape) + 20 * (k % 8)
        if path.suffix == ".npy":
            np.save(path, pixels.astype(np.uint16) * 40)
        else:
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return root


def flat(root: Path, count: int = 20, **options: object) -> Path:
    """A flat folder of `count` PNGs."""
    return images(root, [f"img_{k:02d}.png" for k in range(count)], **options)


def csv(path: Path, *lines: str) -> str:
    """Writes a CSV file and returns its path."""
    path.write_text("\n".join(lines) + "\n")
    return str(path)
