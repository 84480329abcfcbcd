"""Corruptions against Pillow, SciPy and scikit-image, and what every one of them must keep."""

import io

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import color, data, transform

from jssl.errors import UserError
from jssl.evaluation.corruptions import CORRUPTIONS, corruption, digital, pixels
from jssl.evaluation.corruptions.parts import filtered, motion, octaves

PHOTO = transform.resize(data.astronaut(), (128, 128), anti_aliasing=True)
SMALL = (255 * transform.resize(PHOTO, (32, 32), anti_aliasing=True)).round().astype(np.uint8)
LARGE = (255 * PHOTO[:96, :128]).round().astype(np.uint8)
KEY = jax.random.key(0)


@pytest.mark.rotating
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_keeps_its_promises(name: str):
    function = jax.jit(corruption(name))
    images = [np.asarray(function(KEY, SMALL, severity)) for severity in (1, 2, 3, 4, 5)]
    change = [np.abs(image - SMALL / 255).mean() for image in images]
    for image in images:
        assert image.shape == SMALL.shape
        assert image.dtype == np.float32
        assert 0 <= image.min() <= image.max() <= 1
    assert min(change) > 0.0005
    if name != "elastic":  # whose tables trade bending for displacement
        assert change[4] > change[0]
    assert (np.asarray(function(KEY, SMALL, 3)) == images[2]).all()
    if name in ("snow", "brightness", "jpeg"):
        assert function(KEY, SMALL[..., :1], 3).shape == (32, 32, 1)
    if name in ("gaussian_noise", "snow", "elastic", "frost", "motion_blur", "glass_blur"):
        assert (np.asarray(function(jax.random.key(1), SMALL, 3)) != images[2]).any()


@pytest.mark.rotating
def test_noise_has_the_strength_of_its_table():
    flat = np.full((200, 200, 3), 0.5, np.float32)  # large images: the table of ImageNet-C
    assert np.std(pixels.gaussian_noise(KEY, flat, 1)) == pytest.approx(0.08, rel=0.02)
    shot = np.asarray(pixels.shot_noise(KEY, flat, 1))
    assert shot.mean() == pytest.approx(0.5, abs=0.002)
    assert shot.var() == pytest.approx(0.5 / 60, rel=0.05)
    salt = np.asarray(pixels.impulse_noise(KEY, flat, 5))
    assert (salt == 0).mean() == pytest.approx(0.135, abs=0.005)
    assert (salt == 1).mean() == pytest.approx(0.135, abs=0.005)
    small = np.full((32, 32, 3), 0.5, np.float32)
    assert np.std(pixels.gaussian_noise(KEY, small, 1)) == pytest.approx(0.04, rel=0.05)


def test_filter_matches_scipy():
    kernel = np.random.default_rng(0).random((5, 5)).astype(np.float32)
    expected = np.stack(
        [ndimage.correlate(PHOTO[..., c], kernel, mode="mirror") for c in range(3)], axis=-1
    )
    found = filtered(np.asarray(PHOTO, np.float32), kernel)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_motion_is_a_mean_of_shifted_rows():
    image = np.random.default_rng(0).random((6, 20, 1)).astype(np.float32)
    weights = np.exp(-0.5 * (np.arange(4) / 2.0) ** 2)
    columns = np.minimum(np.arange(20)[:, None] + np.arange(4), 19)
    expected = (image[:, columns, 0] * weights).sum(axis=2) / weights.sum()
    found = motion(image, 0.0, 3, 2.0, 9)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_brightness_and_contrast_are_their_formulas():
    hsv = color.rgb2hsv(LARGE)
    hsv[..., 2] = np.clip(hsv[..., 2] + 0.3, 0, 1)
    np.testing.assert_allclose(digital.brightness(KEY, LARGE, 3), color.hsv2rgb(hsv), atol=1e-5)
    x = LARGE / 255
    expected = np.clip((x - x.mean(axis=(0, 1))) * 0.2 + x.mean(axis=(0, 1)), 0, 1)
    np.testing.assert_allclose(digital.contrast(KEY, LARGE, 3), expected, atol=1e-5)


@pytest.mark.parametrize(("image", "share"), [(SMALL, 0.85), (LARGE, 0.4)])
def test_pixelate_matches_pillow(image: np.ndarray, share: float):
    height, width = image.shape[:2]
    shrunk = Image.fromarray(image).resize((int(width * share), int(height * share)), Image.BOX)
    expected = np.asarray(shrunk.resize((width, height), Image.NEAREST)) / 255
    found = np.asarray(digital.pixelate(None, image, 3))
    assert np.abs(found - expected).mean() < 0.004  # Pillow rounds twice


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_jpeg_loses_what_pillow_loses(severity: int):
    buffer = io.BytesIO()
    quality = {1: 25, 3: 15, 5: 7}[severity]
    Image.fromarray(LARGE).save(buffer, "JPEG", quality=quality)
    expected = np.asarray(Image.open(buffer)) / 255
    found = np.asarray(digital.jpeg(None, LARGE, severity))
    lost = np.abs(expected - LARGE / 255).mean()
    assert np.abs(found - expected).mean() < 0.25 * lost
    assert np.abs(found - LARGE / 255).mean() == pytest.approx(lost, rel=0.1)


def test_octaves_fill_their_range():
    noise = np.asarray(octaves(KEY, 40, 30, decay=2.0))
    assert noise.shape == (40, 30)
    assert (noise.min(), noise.max()) == (0, pytest.approx(1))
    smooth = np.abs(np.diff(noise, axis=0)).mean()
    rough = np.abs(np.diff(np.asarray(octaves(KEY, 40, 30, decay=1.2)), axis=0)).mean()
    assert rough > 1.3 * smooth


def test_an_unknown_corruption_is_a_sentence():
    with pytest.raises(UserError, match="did you mean 'fog'"):
        corruption("fogg")
