"""Sampled parameters follow the published rules: moments and Kolmogorov-Smirnov distances."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jssl.augmentations import batchwise, blur, colour, erase, fields, geometry, warp
from jssl.augmentations.compose import sometimes
from jssl.errors import UserError

N = 4000
# The distance that 4000 true draws exceed once in ten thousand runs.
LIMIT = math.sqrt(-0.5 * math.log(1e-4 / 2) / N)
LIMIT_TWO = LIMIT * math.sqrt(2)
KEYS = jax.random.split(jax.random.key(7), N)


def draw(function):
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(function))(KEYS))


def uniform(values, low, high, limit=LIMIT):
    distance = stats.kstest(values, stats.uniform(low, high - low).cdf).statistic
    assert distance < limit, distance


def reference_box(rng, height, width, scale, ratio, strict=False):
    """The rule as it is published, one attempt after another."""
    for _ in range(10):
        area = height * width * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        if strict:  # random erasing: the ratio is height / width, the box smaller than the image
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            fits = h < height and w < width
        else:
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            fits = 0 < w <= width and 0 < h <= height
        if fits:
            return rng.integers(0, height - h + 1), rng.integers(0, width - w + 1), h, w
    if strict:
        return 0, 0, 0, 0
    w, h = width, height
    if width / height < ratio[0]:
        h = round(width / ratio[0])
    elif width / height > ratio[1]:
        w = round(height * ratio[1])
    return (height - h) // 2, (width - w) // 2, h, w


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 224), (60, 200)])
def test_crop_boxes_follow_the_rule(height, width):
    scale, ratio = (0.08, 1.0), (3 / 4, 4 / 3)
    boxes = draw(lambda k: geometry.sample_box(k, height, width, scale=scale, ratio=ratio))
    rng = np.random.default_rng(0)
    expected = np.array([reference_box(rng, height, width, scale, ratio) for _ in range(N)])
    assert np.all(boxes == np.round(boxes))
    assert np.all(boxes[:, :2] >= 0)
    assert np.all(boxes[:, :2] + boxes[:, 2:] <= (height, width))
    for column in range(4):
        found = stats.ks_2samp(boxes[:, column], expected[:, column]).statistic
        assert found < LIMIT_TWO, (column, found)
    areas = [(b[:, 2] * b[:, 3]) for b in (boxes, expected)]
    assert stats.ks_2samp(*areas).statistic < LIMIT_TWO
    np.testing.assert_allclose(areas[0].mean(), areas[1].mean(), rtol=0.03)
    np.testing.assert_allclose(areas[0].std(), areas[1].std(), rtol=0.05)
    if (height, width) == (60, 200):  # wider than any ratio: the fallback must be seen
        assert np.any(np.all(boxes == (0, 60, 60, 80), axis=1))


def test_erased_boxes_follow_the_rule():
    boxes = draw(lambda k: erase.erase_box(k, 32, 40))
    rng = np.random.default_rng(0)
    rule = partial(reference_box, rng, 32, 40, (0.02, 0.33), (0.3, 3.3), strict=True)
    expected = np.array([rule() for _ in range(N)])
    for column in range(4):
        assert stats.ks_2samp(boxes[:, column], expected[:, column]).statistic < LIMIT_TWO


def test_colour_jitter_factors_and_orders():
    dim = jnp.full((1, 2, 3), 0.25)
    bright = draw(lambda k: colour.colour_jitter(k, dim, brightness=0.8)[0, 0, 0]) / 0.25
    uniform(bright, 0.2, 1.8)
    # Above a strength of 1 the factor starts at 0, not below.
    uniform(draw(lambda k: colour.colour_jitter(k, dim, brightness=1.4)[0, 0, 0]) / 0.25, 0.0, 2.4)
    two = jnp.stack([jnp.full((1, 3), 0.4), jnp.full((1, 3), 0.6)])
    spread = draw(lambda k: jnp.ptp(colour.colour_jitter(k, two, contrast=0.5)))
    uniform(spread / 0.2, 0.5, 1.5)
    tint = jnp.asarray([[[0.5, 0.4, 0.4]]])
    chroma = draw(lambda k: jnp.ptp(colour.colour_jitter(k, tint, saturation=0.5)))
    uniform(chroma / 0.1, 0.5, 1.5)
    # From pure red, a turn up to a sixth shows in green (forwards) or blue (backwards).
    red = jnp.asarray([[[1.0, 0.0, 0.0]]])
    turned = draw(lambda k: colour.colour_jitter(k, red, hue=0.1)[0, 0])
    uniform((turned[:, 1] - turned[:, 2]) / 6, -0.1, 0.1)
    # Brightness cut at 1 and a contrast below 1 do not commute: each order is half of the draws.
    edge = jnp.stack([jnp.full((1, 3), 0.1), jnp.full((1, 3), 0.9)])

    def order(k):
        u = jax.random.uniform(k, (8,))
        b, c = 0.2 + 1.6 * u[0], 0.2 + 1.6 * u[1]
        got = colour.colour_jitter(k, edge, brightness=0.8, contrast=0.8)
        first = jnp.clip(edge * b, 0, 1)
        first = jnp.clip(c * first + (1 - c) * first.mean(), 0, 1)
        second = jnp.clip(c * edge + (1 - c) * edge.mean(), 0, 1)
        second = jnp.clip(second * b, 0, 1)
        return jnp.abs(got - first).max(), jnp.abs(got - second).max()

    brightness_first, contrast_first = draw(order)
    assert np.all(np.minimum(brightness_first, contrast_first) < 1e-5)
    told_apart = np.abs(brightness_first - contrast_first) > 1e-4
    assert told_apart.sum() > N / 4
    share = np.mean(brightness_first[told_apart] < contrast_first[told_apart])
    assert abs(share - 0.5) < 0.04


def test_blur_width_flip_chance_and_sometimes():
    point = jnp.zeros((15, 15, 1)).at[7, 7].set(1.0)

    def sigma(k):
        out = blur.gaussian_blur(k, point, kernel=13, sigma=(0.5, 2.0))[..., 0]
        return jnp.sqrt(-0.5 / jnp.log(out[7, 8] / out[7, 7]))

    uniform(draw(sigma), 0.5, 2.0)
    side = jnp.asarray([[[0.0], [1.0]]])
    np.testing.assert_allclose(
        draw(lambda k: geometry.flip(k, side)[0, 0, 0]).mean(), 0.5, atol=0.03
    )
    often = sometimes(colour.solarize, 0.2)
    assert abs(draw(lambda k: often(k, side)[0, 1, 0] == 0).mean() - 0.2) < 0.025
    with pytest.raises(UserError, match=r"p is 1.2; it must be in \[0, 1\]"):
        sometimes(colour.solarize, 1.2)


def test_warp_parameters():
    image = jnp.zeros((20, 30, 1))
    warps = draw(lambda k: warp.rotation(k, image, degrees=(-40.0, 20.0), with_warp=True)[1])
    uniform(np.rad2deg(np.arctan2(warps[:, 1, 0], warps[:, 0, 0])), -40, 20)

    def parts(k):
        return warp.affine(
            k, image, degrees=(-10, 10), translate=(0.2, 0.1), scale=(0.5, 1.5), with_warp=True
        )[1]

    forward = np.linalg.inv(draw(parts))
    scale = np.hypot(forward[:, 0, 0], forward[:, 1, 0])
    uniform(scale, 0.5, 1.5)
    centre = forward @ np.array([15, 10, 1.0])
    for axis, reach in ((0, 6), (1, 2)):
        move = centre[:, axis] - (15, 10)[axis]
        np.testing.assert_allclose(move, np.round(move), atol=1e-3)
        assert set(np.round(move)) == set(range(-reach, reach + 1))
    corners = draw(lambda k: warp.perspective(k, image, distortion=0.5, with_warp=True)[1])
    moved = np.linalg.inv(corners) @ np.array([[0, 30, 30, 0], [0, 0, 20, 20], [1, 1, 1, 1.0]])
    inwards = np.abs((moved[:, :2] / moved[:, 2:]) - [[0, 30, 30, 0], [0, 0, 20, 20]])
    for axis, largest in ((0, 7), (1, 5)):
        counts = np.bincount(np.round(inwards[:, axis]).astype(int).ravel(), minlength=largest + 1)
        assert len(counts) == largest + 1
        assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.rotating
def test_cutout_centres_and_mixing_shares():
    blank = jnp.ones((6, 9, 1))
    holes = draw(lambda k: erase.cutout(k, blank, size=1)[..., 0]) == 0
    assert np.all(holes.sum((1, 2)) == 1)
    assert stats.chisquare(holes.sum(0).ravel()).pvalue > 1e-4
    views = {"a": jnp.zeros((N, 1, 1, 1))}
    share = np.asarray(
        jax.jit(lambda k: batchwise.mixup(k, views, alpha=0.4)["mixup"]["share"])(KEYS[0])
    )
    assert stats.kstest(share, stats.beta(0.4, 0.4).cdf).statistic < LIMIT


def test_random_fields_have_unit_variance_and_the_stated_correlation():
    maps = np.asarray(
        jax.jit(jax.vmap(lambda k: fields.gaussian_field(k, 24, 32, length=0.125)))(KEYS[:2000])
    )
    assert stats.kstest(maps[:, 5, 5], stats.norm.cdf).statistic < LIMIT_TWO
    np.testing.assert_allclose(maps.var(), 1.0, atol=0.03)
    for distance in (1, 3, 6):
        expected = math.exp(-(distance**2) / (2 * 3.0**2))
        for axis in (1, 2):
            found = np.mean(maps * np.roll(maps, distance, axis))
            np.testing.assert_allclose(found, expected, atol=0.03)
