"""How wide the Gaussian blur acts at each side of the image, against Pillow's and the formula."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from jssl.augmentations import recipes
from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.compose import Pipeline, Repeat, Sometimes
from jssl.errors import UserError

KEY = jax.random.key(0)
SIDES = (18, 32, 64, 224)


def _spread(response: np.ndarray) -> float:
    """Standard deviation of an impulse response [N] that may not sum to one."""
    at = np.arange(len(response))
    share = response / response.sum()
    centre = np.sum(share * at)
    return float(np.sqrt(np.sum(share * (at - centre) ** 2)))


def width(side: int, sigma: float, kernel: int | str | None = None) -> float:
    """The width, in pixels, to which an image of one bright pixel is blurred."""
    image = np.zeros((side, side, 1), np.float32)
    image[side // 2, side // 2] = 1.0
    blurred = gaussian_blur(KEY, jnp.asarray(image), sigma=sigma, kernel=kernel)
    return _spread(np.asarray(blurred, np.float64).sum(axis=(1, 2)))


def pillow_width(side: int, sigma: float) -> float:
    """The same of Pillow: the slope of a blurred edge, over 50 heights as it rounds to 8 bits."""
    slopes = []
    for height in range(200, 250):
        image = np.zeros((side, side), np.uint8)
        image[:, side // 2 :] = height
        blurred = Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma))
        slopes.append(np.diff(np.asarray(blurred, np.float64)[side // 2]) / height)
    return _spread(np.mean(slopes, axis=0))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_blur_is_as_wide_as_sigma_says_and_as_pillows(side, sigma):
    ours = width(side, sigma)
    np.testing.assert_allclose(ours, sigma, rtol=0.005)
    np.testing.assert_allclose(ours, pillow_width(side, sigma), rtol=0.04)


def test_a_tenth_of_the_side_cuts_the_blur_of_small_images():
    cut = [width(side, 2.0, "tenth") for side in SIDES]
    np.testing.assert_allclose(cut, [0.0, 0.799, 1.641, 2.0], atol=0.01)
    with pytest.raises(UserError, match="did you mean 'tenth'"):
        width(32, 2.0, "tent")


@pytest.mark.parametrize(("rows", "columns"), [(5, 40), (24, 3), (90, 70)])
def test_kernels_wider_than_the_image_reflect_again_and_again(rows, columns):
    image = np.random.default_rng(0).random((rows, columns, 2)).astype(np.float32)
    blurred = gaussian_blur(KEY, jnp.asarray(image), sigma=8.0)
    expected = ndimage.gaussian_filter(
        image.astype(np.float64), 8.0, mode="mirror", radius=32, axes=(0, 1)
    )
    np.testing.assert_allclose(blurred, expected, atol=2e-6)


def _kernels(entry) -> set:
    if isinstance(entry, Repeat):
        return _kernels(entry.entry)
    if isinstance(entry, Pipeline):
        return set().union(*map(_kernels, entry.ops))
    if isinstance(entry, Sometimes):
        return _kernels(entry.op)
    is_blur = isinstance(entry, partial) and entry.func is gaussian_blur
    return {entry.keywords["kernel"]} if is_blur else set()


def test_only_the_recipes_whose_authors_cut_the_kernel_cut_it():
    found = {}
    for name in recipes.names():
        entries = dict(recipes.get(name).entries).values()
        kernels = set().union(*map(_kernels, entries))
        if kernels:
            found[name] = kernels
    uncut = "barlow dino_multicrop moco_v2 moco_v3 ressl simsiam swav_multicrop "
    uncut += "swav_multicrop_cifar symmetric_cifar vicreg weak_cifar"
    assert found == {"simclr": {"tenth"}, "byol": {"tenth"}} | {n: {None} for n in uncut.split()}
