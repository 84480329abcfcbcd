"""A series in other bases and frames: f(key, x, ...) -> coefficients, x float [T, C]; no draws.

Demirel & Holz, "Learning Without Augmenting: Unsupervised Time Series Representation Learning via
Frame Projections", 2025. Each keeps the energy of a series: the squares of the coefficients add up
to the squares of its values, channel by channel.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.series import FIELD, resize, standardise
from jssl.core.ranges import Count, Positive
from jssl.errors import UserError


def fourier(key: jax.Array | None, x: jax.Array) -> jax.Array:
    """Coefficients in the orthonormal Fourier basis, and their amplitudes.

    Half of the spectrum of a real series determines the other half; coefficients that represent
    both are multiplied by the square root of two, so that the basis is orthonormal.

    Args:
      key: not used; may be None.
      x: [T, C].

    Returns:
      float32 [T // 2 + 1, 3 * C], lowest frequency first: amplitudes, cosine parts, sine parts.
    """
    del key
    parts = jnp.fft.rfft(x.astype(jnp.float32), axis=0, norm="ortho")
    parts = parts * _multiplicity(x.shape[0])[:, None]
    return jnp.concatenate([jnp.abs(parts), parts.real, parts.imag], axis=1)


def gabor(
    key: jax.Array | None,
    x: jax.Array,
    *,
    window: Count = 32,
    hop: Count = 4,
    width: Positive = 6.0,
) -> jax.Array:
    """Magnitudes of the coefficients in a tight Gabor frame: shifted and modulated Gaussians.

    The Gaussian is truncated to `window` steps and normalised by the sum of its shifts at each
    step, which makes the frame tight with bound 1 (Daubechies, Grossmann & Meyer, "Painless
    nonorthogonal expansions", 1986). Before and after the series there are zeros.

    Args:
      key: not used; may be None.
      x: [T, C].
      window: steps that an element of the frame spans.
      hop: steps from one shift to the next; divides the window. `window / hop` complex
        coefficients stand for each value.
      width: standard deviations from end to end of the window.

    Returns:
      float32 [N, (window // 2 + 1) * C], N = window / hop - 1 + ceil(T / hop) shifts; all channels
      of the lowest frequency first.

    Raises:
      UserError: a hop that does not divide the window.
    """
    del key
    if window % hop:
        raise UserError(f"a hop of {hop} steps does not divide a window of {window}")
    length = x.shape[0]
    lead = window - hop
    count = lead // hop + -(-length // hop)
    x = jnp.pad(x.astype(jnp.float32), ((lead, count * hop + window - lead - length), (0, 0)))
    steps = np.arange(count)[:, None] * hop + np.arange(window)
    pieces = x[steps] * tight_window(window, hop, width)[:, None]
    parts = jnp.fft.rfft(pieces, axis=1, norm="ortho") * _multiplicity(window)[:, None]
    return jnp.abs(parts).reshape(count, -1)


def tight_window(window: int, hop: int, width: float) -> np.ndarray:
    """A Gaussian of which the squares of all shifts add up to one at each step: [window]."""
    place = (np.arange(window) - (window - 1) / 2) / window
    shape = np.exp(-0.5 * (width * place) ** 2)
    total = (shape.reshape(-1, hop) ** 2).sum(axis=0)
    return (shape / np.sqrt(np.tile(total, window // hop))).astype(np.float32)


def frame_views(length: int, *, window: int = 32, hop: int = 4) -> Views:
    """The normalised series itself, in a basis and in a frame, without augmentation.

    Args:
      length: points that a series is brought to.
      window: of the Gabor frame.
      hop: of the Gabor frame.

    Returns:
      Views signal, basis, frame: float32 [B, length, C], and what `fourier` and `gabor` make of it.
    """
    steps = partial(resize, length=length), standardise
    return Views(
        signal=pipeline(*steps, field=FIELD),
        basis=pipeline(*steps, fourier, field=FIELD),
        frame=pipeline(*steps, partial(gabor, window=window, hop=hop), field=FIELD),
    )


def _multiplicity(length: int) -> np.ndarray:
    """Square roots of how many coefficients each of the first half stands for."""
    times = np.full(length // 2 + 1, 2.0)
    times[0] = 1.0
    if length % 2 == 0:
        times[-1] = 1.0
    return np.sqrt(times).astype(np.float32)
