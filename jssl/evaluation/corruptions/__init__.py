"""The fifteen corruptions of ImageNet-C and CIFAR-10-C, on the device.

Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations". `f(key, image, severity) -> image` for one image, severity 1 to 5 (traced or not).
The strengths are the published ones: CIFAR-10-C up to 64 pixels, ImageNet-C above.

Differences from the authors' code, which calls OpenCV, ImageMagick and Pillow on the host: glass
blur moves all pixels at once instead of swapping them sequentially; fog is a sum of noise octaves
instead of the diamond-square fractal; frost is synthesised, as their photographs of ice are not
part of this package; motion blur is interpolated. Results are therefore not directly comparable
with published numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import jax

from jssl.errors import UserError, nearest
from jssl.evaluation.corruptions import digital, pixels, weather

Corruption = Callable[[jax.Array, jax.Array, jax.Array | int], jax.Array]

CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": pixels.gaussian_noise,
    "shot_noise": pixels.shot_noise,
    "impulse_noise": pixels.impulse_noise,
    "defocus_blur": pixels.defocus_blur,
    "glass_blur": pixels.glass_blur,
    "motion_blur": pixels.motion_blur,
    "zoom_blur": pixels.zoom_blur,
    "snow": weather.snow,
    "frost": weather.frost,
    "fog": weather.fog,
    "brightness": digital.brightness,
    "contrast": digital.contrast,
    "elastic": digital.elastic,
    "pixelate": digital.pixelate,
    "jpeg": digital.jpeg,
}
SEVERITIES = (1, 2, 3, 4, 5)


def corruption(name: str) -> Corruption:
    """Looks up a corruption by name; raises `UserError` if there is none."""
    if name not in CORRUPTIONS:
        raise UserError(f"unknown corruption {name!r}: {nearest(name, CORRUPTIONS)}")
    return CORRUPTIONS[name]
