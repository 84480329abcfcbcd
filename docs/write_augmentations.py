"""Writes docs/augmentations.md: the parity table is measured when this runs.

python docs/write_augmentations.py
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "augmentations")]

import jax  # noqa: E402
import numpy  # noqa: E402
import parity_batch_cases  # noqa: E402, F401
import parity_cases  # noqa: E402
import PIL  # noqa: E402
import scipy  # noqa: E402
import skimage  # noqa: E402

from jssl.augmentations import recipes  # noqa: E402

HEAD = """# Augmentations

Written by `python docs/write_augmentations.py`; do not edit by hand.

Every operation is `f(key, image, ...) -> image` on one image `[H, W, C]`, uint8 or float in [0, 1],
and runs on the device: static shapes, under `jit` and `vmap`, no host callback. Any number of
channels, except where an operation is about red, green and blue: hue, saturation, greyscale and
channel permutation need 3 (1 channel is left as it is, any other number is refused).

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

An example's views are a function of the step's key, the example's index and the view's name, not
of the batch's size or order, its neighbours, the devices, or the other views (equal to float32
rounding; masks exactly). `tracked(view)` gives `dict(image, warp)`; `correspondence.correspond`
maps points of one tracked view to another. `Views(..., batch=(mixup, ...))` runs whole-batch
operations last. `jssl report --augmentations RECIPE IMAGE...` draws a recipe on your own images.

## Parity

The largest absolute deviation over four 40x56 images (noise, gradient, blobs, hard edges), values
in [0, 1]; one 8-bit level is 1/255 = 0.0039. An operation with the same definition as its reference
stays within that; where a row is above it, the note says what differs.

"""

TAIL = """
Sampled parameters are tested against the published rules by their moments and Kolmogorov-Smirnov
distances (`tests/augmentations/test_augmentation_sampling.py`): crop boxes and erased boxes against
a plain loop over the rule, jitter factors and orders, hue, blur widths, flips, probabilities,
rotation, affine and perspective parameters, cutout centres, mixing shares, and the variance and
correlation of random fields. Masks are tested for exact counts, coverage and connectedness
(`test_augmentation_masks.py`); determinism, correspondence and bad input in `test_views.py`.

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
    text = HEAD + parity_table() + TAIL + recipe_table()
    (ROOT / "docs" / "augmentations.md").write_text(text)
    print(f"wrote docs/augmentations.md: {len(parity_cases.CASES)} rows of parity")
