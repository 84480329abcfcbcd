"""Data of `peer_torch.py`: views by Pillow, as the peers' data loaders make them."""

from __future__ import annotations

import random

import numpy as np
import torch
from PIL import Image, ImageEnhance


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
