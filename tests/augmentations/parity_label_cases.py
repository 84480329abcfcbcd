"""Parity cases of the spectrum, HOG and labelled operations."""

from __future__ import annotations

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from parity_base import KEY, batched, case, images, plain, worst

from jssl.augmentations import hog, labelled, spectrum


@case("low_frequency_crop", "float64 NumPy FFT")
def _low() -> float:
    deviation = 0.0
    for size in (17, 24):
        expected = []
        for x in plain():
            s = np.fft.fftshift(np.fft.fft2(x, axes=(0, 1)), axes=(0, 1))
            top, left = 20 - size // 2, 28 - size // 2
            s = np.fft.ifftshift(s[top : top + size, left : left + size], axes=(0, 1))
            expected.append(np.fft.ifft2(s, axes=(0, 1)).real * size**2 / (40 * 56))
        got = batched(lambda x, n=size: spectrum.low_frequency_crop(None, x, size=n))
        deviation = max(deviation, worst(got, expected))
    return deviation


@case("mask_frequencies", "float64 NumPy FFT")
def _masked() -> float:
    y, x = np.fft.fftfreq(40) * 40, np.fft.fftfreq(56) * 56
    low = np.hypot(y[:, None], x[None, :]) < 9
    deviation = 0.0
    for low_p, keep in ((1.0, low), (0.0, ~low)):
        got = batched(
            lambda x, p=low_p: spectrum.mask_frequencies(KEY, x, radius=9.0, low_p=p)["image"]
        )
        expected = np.fft.ifft2(np.fft.fft2(plain(), axes=(1, 2)) * keep[..., None], axes=(1, 2))
        deviation = max(deviation, worst(got, expected.real))
    return deviation


def _cells(x: np.ndarray, cell: int) -> np.ndarray:
    """scikit-image: [rows, columns, 3, 9], each cell of each channel normalised by itself."""
    from skimage.feature import hog as reference

    one = partial(
        reference,
        orientations=9,
        pixels_per_cell=(cell, cell),
        cells_per_block=(1, 1),
        block_norm="L2",
        feature_vector=False,
    )
    return np.stack([one(x[..., c])[:, :, 0, 0] for c in range(3)], 2)


@case("hog, central differences", "scikit-image hog, blocks of one cell", 1e-4, "Float32.")
def _hog() -> float:
    return worst(batched(lambda x: hog.hog(x)), [_cells(x, 8) for x in plain()])


@case("rotate_labelled, lorot, jigsaw, permute_rgb", "NumPy indexing by the returned label", 1e-6)
def _labelled() -> float:
    x = plain()[0, :36, :36]
    keys = jax.random.split(KEY, 24)
    run = {
        name: jax.jit(jax.vmap(op, (0, None)))(keys, jnp.asarray(x, jnp.float32))
        for name, op in (
            ("rotate", labelled.rotate_labelled),
            ("lorot", labelled.lorot),
            ("jigsaw", labelled.jigsaw),
            ("rgb", labelled.permute_rgb),
        )
    }
    table = labelled.jigsaw_permutations(100, 9)
    colours = list(itertools.permutations(range(3)))

    def turned(k: int) -> np.ndarray:
        y = x.copy()
        r, c = k // 8 * 18, k // 4 % 2 * 18
        y[r : r + 18, c : c + 18] = np.rot90(y[r : r + 18, c : c + 18], k % 4)
        return y

    def shuffled(k: int) -> np.ndarray:
        y = np.empty_like(x)
        for i, source in enumerate(table[k]):
            (r, c), (p, q) = divmod(i, 3), divmod(int(source), 3)
            y[12 * r : 12 * r + 12, 12 * c : 12 * c + 12] = x[
                12 * p : 12 * p + 12, 12 * q : 12 * q + 12
            ]
        return y

    expected = {
        "rotate": lambda k: np.rot90(x, k),
        "lorot": turned,
        "jigsaw": shuffled,
        "rgb": lambda k: x[..., list(colours[k])],
    }
    return max(
        worst(np.asarray(out["image"]), [expected[name](int(k)) for k in out["label"]])
        for name, out in run.items()
    )


@case("rotate_all", "NumPy rot90", 1e-7)
def _all_turns() -> float:
    square = jnp.asarray(images()[:, :40, :40])
    got = np.asarray(jax.jit(jax.vmap(lambda x: labelled.rotate_all(None, x)["image"]))(square))
    expected = [[np.rot90(x, k) for k in range(4)] for x in plain()[:, :40, :40]]
    return worst(got, np.asarray(expected))


@case("jigsaw_tiles", "float64 NumPy: tiles of jigsaw, each normalised", 2e-4, "Float32 sums.")
def _tiles() -> float:
    """Where a tile was cut from its cell is found by trying all places: exactly one must fit."""
    x = plain()[0, :36, :36]
    keys = jax.random.split(KEY, 4)
    draw = jax.jit(jax.vmap(lambda k, x: labelled.jigsaw_tiles(k, x, gap=2), (0, None)))
    done = draw(keys, jnp.asarray(x, jnp.float32))
    table = labelled.jigsaw_permutations(1000, 9)
    deviation = 0.0
    for tiles, label in zip(np.asarray(done["image"]), np.asarray(done["label"]), strict=True):
        for tile, source in zip(tiles, table[label], strict=True):
            row, column = (12 * int(v) for v in divmod(int(source), 3))
            errors = []
            for top in range(row, row + 3):
                for left in range(column, column + 3):
                    cut = x[top : top + 10, left : left + 10]
                    spread = np.sqrt(cut.var((0, 1)) + 1e-4)
                    errors.append(np.abs(tile - (cut - cut.mean((0, 1))) / spread).max())
            deviation = max(deviation, min(errors))
    return deviation


@case("with_hog", "scikit-image hog by patches, float64 normalisation", 1e-4, "Float32.")
def _patches_of_hog() -> float:
    stats = ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    done = jax.jit(
        jax.vmap(lambda x: hog.with_hog(None, x, patch=8, cell=4, gradient="central", stats=stats))
    )(jnp.asarray(images()))
    deviation = worst(np.asarray(done["image"]), (plain() - stats[0]) / stats[1])
    for x, target in zip(plain(), np.asarray(done["target"]), strict=True):
        cells = _cells(x, 4)
        patches = [
            cells[r : r + 2, c : c + 2].ravel() for r in range(0, 10, 2) for c in range(0, 14, 2)
        ]
        deviation = max(deviation, worst(target, patches))
    return deviation
