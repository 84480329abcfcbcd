"""Parity cases of the operations on whole batches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from parity_base import KEY, case, plain, worst

from jssl.augmentations import batchwise
from jssl.augmentations.tables import corrupt_columns, partition_columns


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


@case("mix_views", "NumPy, from the returned partners and share", 1e-5)
def _views_mixed() -> float:
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 6, 8, 8, 3)).astype(np.float32)
    done = jax.jit(batchwise.mix_views)(KEY, {"a": jnp.asarray(a), "b": jnp.asarray(b)})
    mixed = jax.tree.map(np.asarray, done["mixed"])
    share = mixed["share"].astype(np.float64)[:, None, None, None]
    deviation = worst(mixed["image"], share * a + (1 - share) * b[mixed["partner"]])
    unchanged = worst(np.asarray(done["a"]), a) + worst(np.asarray(done["b"]), b)
    return max(deviation, unchanged)


@case("corrupt_groups", "NumPy, from the returned masks", 1e-6)
def _corrupted() -> float:
    """What is hidden is the neighbour's, or noise that has nothing of either; the rest stays."""
    rng = np.random.default_rng(2)
    x = rng.random((8, 12, 16, 3)).astype(np.float32)
    masks = {n: {"mask": rng.random((8, 12)) < p} for n, p in (("noise", 0.7), ("alien", 0.3))}
    views = {"image": jnp.asarray(x), **jax.tree.map(jnp.asarray, masks)}
    done = jax.tree.map(
        np.asarray, jax.jit(lambda k, v: batchwise.corrupt_groups(k, v, grid=(3, 4)))(KEY, views)
    )
    deviation = worst(done["original"], x)
    for i in range(8):
        by_alien = bool(np.all(done["mask"][i] == masks["alien"]["mask"][i]))
        mask = masks["alien" if by_alien else "noise"]["mask"][i]
        deviation = max(deviation, float(np.any(done["mask"][i] != mask)))
        hidden = np.kron(mask.reshape(3, 4), np.ones((4, 4))).astype(bool)
        got = done["image"][i]
        deviation = max(deviation, float(np.abs(got - x[i])[~hidden].max()))
        if by_alien:
            deviation = max(deviation, float(np.abs(got - x[i - 1])[hidden].max()))
        elif abs(got[hidden].mean()) > 0.25 or abs(got[hidden].std() - 1) > 0.25:
            deviation = 1.0
    return deviation


@case("corrupt_columns", "a NumPy loop over the cells", 1e-7)
def _columns() -> float:
    x = np.random.default_rng(0).random((12, 10)).astype(np.float32)
    done = np.asarray(corrupt_columns(KEY, {"b": jnp.asarray(x)}, rate=0.6)["b"])
    deviation = 0.0
    for row, (before, after) in enumerate(zip(x, done, strict=True)):
        kept = np.sort(np.abs(after - before))[:4]  # four of ten columns stay
        foreign = [np.abs(x[:, c] - after[c]).min() for c in range(10)]
        deviation = max(deviation, kept.max(), *foreign)
        assert (after != before).any(), row
    return deviation


@case("partition_columns", "NumPy, cell by cell", 0.0)
def _partitioned() -> float:
    column = np.random.default_rng(3).integers(0, 7, (5, 2, 9))  # six columns; 0: no cell
    row = {"column": jnp.asarray(column), "value": jnp.ones((5, 2, 9))}
    done = partition_columns(KEY, {"row": row}, columns=6, name="row", overlap=0.3)["row"]
    expected = np.zeros_like(column)
    for place in np.ndindex(*column.shape):
        group = ({1, 2, 3, 4}, {3, 4, 5, 6})[place[1]]  # one column of three is shared
        expected[place] = column[place] if column[place] in group else 0
    return worst(np.asarray(done["column"]), expected) + worst(done["value"], np.ones((5, 2, 9)))
