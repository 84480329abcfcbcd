"""Parity cases of the spectrum, HOG, labelled and whole-batch operations; see parity_cases.py."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from parity_cases import KEY, batched, case, plain, worst

from jssl.augmentations import batchwise, hog, labelled, spectrum


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


def _restyled(x: np.ndarray, style: np.ndarray, share: float) -> np.ndarray:
    own, other = (np.fft.fftshift(np.fft.fft2(v, axes=(0, 1)), axes=(0, 1)) for v in (x, style))
    b = int(share * min(x.shape[:2]))
    size, phase = np.abs(own), np.angle(own)
    cy, cx = x.shape[0] // 2, x.shape[1] // 2
    part = np.s_[cy - b : cy + b + 1, cx - b : cx + b + 1]
    size[part] = np.abs(other)[part]
    back = np.fft.ifftshift(size * np.exp(1j * phase), axes=(0, 1))
    return np.fft.ifft2(back, axes=(0, 1)).real


@case("standardise_style", "float64 NumPy FFT, amplitude and phase", 1e-4, "Float32 FFT.")
def _style() -> float:
    views = {"a": jnp.asarray(plain(), jnp.float32)}
    done = jax.jit(lambda k, v: batchwise.standardise_style(k, v, names=("a",), share=0.1))(
        KEY, views
    )
    style = plain()[int(done["standardise_style"]["source"][0])]
    return worst(np.asarray(done["a"]), [_restyled(x, style, 0.1) for x in plain()])


@case("hog, central differences", "scikit-image hog, blocks of one cell", 1e-4, "Float32.")
def _hog() -> float:
    from skimage.feature import hog as reference

    got = batched(lambda x: hog.hog(x))
    expected = [
        np.stack(
            [
                reference(
                    x[..., c],
                    orientations=9,
                    pixels_per_cell=(8, 8),
                    cells_per_block=(1, 1),
                    block_norm="L2",
                    feature_vector=False,
                )[:, :, 0, 0]
                for c in range(3)
            ],
            2,
        )
        for x in plain()
    ]
    return worst(got, expected)


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


@case("mixup, cutmix, patch_mix", "NumPy, from the returned partners and shares", 1e-5)
def _mixed() -> float:
    rng = np.random.default_rng(0)
    x = rng.random((6, 16, 24, 3)).astype(np.float32)
    views = {"a": jnp.asarray(x)}
    done = jax.jit(
        lambda k: (
            batchwise.mixup(k, views),
            batchwise.cutmix(k, views),
            batchwise.patch_mix(k, views, patch=4, images=4),
        )
    )(KEY)
    blend, cut, patches = (jax.tree.map(np.asarray, d) for d in done)
    share = blend["mixup"]["share"].astype(np.float64)[:, None, None, None]
    deviation = worst(blend["a"], share * x + (1 - share) * x[blend["mixup"]["partner"]])
    other = x[cut["cutmix"]["partner"]]
    pasted = np.any(cut["a"] != x, axis=-1)
    # What is not the image is the partner, in one rectangle of the stated area.
    deviation = max(deviation, worst(cut["a"], np.where(pasted[..., None], other, x)))
    for i, hole in enumerate(pasted):
        area = 0
        if hole.any():
            rows, columns = np.where(hole.any(1))[0], np.where(hole.any(0))[0]
            area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
            deviation = max(deviation, abs(area - hole.sum()))
        if cut["cutmix"]["partner"][i] != i:
            deviation = max(deviation, abs(1 - area / (16 * 24) - cut["cutmix"]["share"][i]))
    expected = np.empty_like(x)
    for i, n in np.ndindex(6, 24):
        r, c = divmod(n, 6)
        part = np.s_[4 * r : 4 * r + 4, 4 * c : 4 * c + 4]
        expected[i][part] = x[patches["patch_mix"]["source"][i, n]][part]
    counts = np.stack([np.bincount(s, minlength=6) for s in patches["patch_mix"]["source"]])
    wrong = float(np.any((counts != 0) & (counts != 6)))
    return max(deviation, worst(patches["a"], expected), wrong)
