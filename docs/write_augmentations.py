"""Writes docs/augmentations.md: the parity table is measured when this runs.

python docs/write_augmentations.py
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "augmentations")]

import jax  # noqa: E402
import numpy  # noqa: E402
import parity_cases  # noqa: E402
import PIL  # noqa: E402
import scipy  # noqa: E402
import skimage  # noqa: E402
import test_blur_width  # noqa: E402

from jssl.augmentations import recipes  # noqa: E402

HEAD = """# Augmentations

Written by `python docs/write_augmentations.py`; do not edit by hand.

Every operation is `f(key, image, ...) -> image` on one image `[H, W, C]`, uint8 or float in [0, 1],
and runs on the device, with static shapes, under `jit` and `vmap`, without host callbacks. Images
may have any number of channels, except for operations that are defined on RGB: hue, saturation,
greyscale and channel permutation need 3 channels (a single channel is returned unchanged, any other
number is refused).

```python
from functools import partial
from jssl.augmentations import Views, pipeline, repeat, sometimes, tracked
from jssl.augmentations import blur, colour, geometry, masks

crop = partial(geometry.random_resized_crop, size=32, scale=(0.2, 1.0))
jitter = partial(colour.colour_jitter, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
view = pipeline(crop, geometry.flip, sometimes(jitter, 0.8), colour.normalise)
small = pipeline(partial(crop, size=16, scale=(0.05, 0.2)), geometry.flip, colour.normalise)
views = Views(
    a=view, b=view, local=repeat(small, 6), mask=partial(masks.random_mask, tokens=64, ratio=0.75)
)
batch = views(key, {"image": images, "index": indices})  # a, b [B,...]; local [B,6,...]; ...
```

An example's views depend only on the step's key, the example's index and the view's name. They do
not depend on the size or order of the batch, the other examples, the devices or the other views (up
to float32 rounding; masks are exactly equal). `tracked(view)` gives `dict(image, warp)`;
`correspondence.correspond` maps points of one tracked view to another. Operations on whole batches
are given as `Views(..., batch=(mixup, ...))` and run last. `jssl report --augmentations RECIPE
IMAGE...` shows a recipe on your own images.

## Parity

Largest absolute deviation from the reference over four 40x56 images (noise, gradient, blobs, hard
edges) with values in [0, 1]; one 8-bit level is 1/255 = 0.0039. Operations with the same definition
as their reference stay within one level; for rows above it, the note explains the difference.

"""

TAIL = """
Sampled parameters are tested against the published rules by their moments and Kolmogorov-Smirnov
distances (`test_augmentation_sampling.py`, `test_augmentation_draws.py` in `tests/augmentations/`):
crop boxes and erased boxes against a plain loop over the rule, jitter factors and orders, hue, blur
widths, flips, probabilities, rotation, affine and perspective parameters, cutout centres, the
operations and steps of policies, labels, tile positions, mixing ratios and partners, and the
variance and correlation of random fields. Masks are tested for exact counts, coverage and
connectedness (`test_augmentation_masks.py`); determinism, correspondence and bad input in
`test_views.py`. Another test fails for any operation in the package that has no row in this table
or no test of its random draws.

"""


def parity_table() -> str:
    lines = [
        "| operation | reference | largest deviation | in levels | note |",
        "|---|---|--:|--:|---|",
    ]
    for case in parity_cases.CASES:
        deviation = case.run()
        if deviation > case.tolerance:
            raise SystemExit(f"{case.operation}: {deviation:.2e} is above {case.tolerance:.2e}")
        lines.append(
            f"| {case.operation} | {case.reference} | {deviation:.1e} | {deviation * 255:.2f} "
            f"| {case.note} |"
        )
    versions = (
        f"Python {platform.python_version()}, JAX {jax.__version__} on {jax.default_backend()}, "
        f"NumPy {numpy.__version__}, Pillow {PIL.__version__}, scikit-image {skimage.__version__}, "
        f"SciPy {scipy.__version__}"
    )
    return "\n".join([*lines, "", f"Measured with {versions}.", ""])


BLUR = """## How wide the blur acts

Standard deviation, in pixels, of a single bright pixel after blurring, by the side length of the
image. The kernel size depends on sigma; `kernel="tenth"`, SimCLR's and BYOL's rule, truncates the
kernel to a tenth of the side, and DINOv2's 9 taps truncate it at every size. Pillow's
`GaussianBlur(sigma)` is given for comparison. Below a sigma of about 0.6, a Gaussian sampled at
whole pixels is narrower than its sigma.

"""


def blur_table() -> str:
    lines = ["| sigma | side | ours | `tenth` | `9` | Pillow |", "|--:|--:|--:|--:|--:|--:|"]
    for sigma in (0.5, 1.0, 2.0):
        for side in test_blur_width.SIDES:
            found = [test_blur_width.width(side, sigma, kernel) for kernel in (None, "tenth", 9)]
            found.append(test_blur_width.pillow_width(side, sigma))
            lines.append(f"| {sigma} | {side} | {' | '.join(f'{x:.2f}' for x in found)} |")
    return "\n".join([*lines, "", ""])


SPEED = """## Speed

`python benchmarks/augmentation.py --out results/augmentation_speed.json`: jssl, jitted and batched,
compared with Pillow, one image at a time in one process per core. Both apply the same operations to
the same uint8 images and return normalised float32; they run alternately. The table gives views per
second as the median of three repetitions and, in brackets, the lowest and the highest ratio.

"""

SPEED_NOTES = """
The cost of an operation is the additional time of a pipeline that contains it; small or negative
values are within the noise. On a CPU, examples are processed in chunks that fit the cache, and
images from about 52 pixels on one at a time (`mapping.py`); there, a random operation that is not
applied costs nothing. Crops are products with small banded matrices.

"""


def speed_tables() -> str:
    machine, *lines = json.loads((ROOT / "results" / "augmentation_speed.json").read_text())
    text = SPEED
    text += "| recipe, output side | images | jssl | Pillow | ratio |\n|---|--:|--:|--:|--:|\n"
    for line in lines:
        if "ratio" in line:
            text += (
                f"| {line['case']} | {line['batch']} | {line['views_per_second']:,.0f} "
                f"| {line['pillow_views_per_second']:,.0f} | {line['ratio']:.1f} "
                f"({min(line['ratios']):.1f} to {max(line['ratios']):.1f}) |\n"
            )
    shared = [line for line in lines if "share" in line]
    for line in shared:
        parts = [
            f"{name} {cost * 1e3:,.1f} µs ({line['share'][name]:.0%})"
            for name, cost in line["ms_per_view"].items()
        ]
        text += f"\n{line['case']}, a view on all cores: {', '.join(parts)}.\n"
    for line in lines:
        if "augmentation_share" in line:
            text += (
                f"\n{line['case']}: {line['augmentation_share']:.0%} of a step of "
                f"{line['step_ms']:.0f} ms and the augmentation before it.\n"
            )
    cores = f"{machine['cores']} cores of {machine['machine']}"
    device = f"{machine['devices']} {machine['device']} device(s)"
    return text + f"\nOn {cores}, {device}, JAX {machine['jax']}, Pillow {machine['pillow']}.\n"


def recipe_table() -> str:
    lines = [
        "## Recipes",
        "",
        "`recipes.get(name, size=...)`, from `jssl.augmentations.recipes`:",
        "",
    ]
    lines += ["| name | source and form |", "|---|---|"]
    for name in recipes.names():
        lines.append(f"| `{name}` | {recipes.RECIPES[name].__doc__.splitlines()[0]} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    text = "".join(
        (
            *(HEAD, parity_table(), TAIL, BLUR, blur_table()),
            *(speed_tables(), SPEED_NOTES, recipe_table()),
        )
    )
    (ROOT / "docs" / "augmentations.md").write_text(text)
    print(f"wrote docs/augmentations.md: {len(parity_cases.CASES)} rows of parity")
