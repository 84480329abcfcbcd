"""Bases and frames against their definitions, one inner product at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.fft import rfft
from scipy.signal import ShortTimeFFT

from jssl.augmentations.frames import fourier, gabor, tight_window
from jssl.errors import UserError


@pytest.mark.parametrize("length", [10, 11])
def test_fourier_is_an_orthonormal_basis(length: int) -> None:
    x = np.random.default_rng(length).normal(size=(length, 2)).astype(np.float32)
    amplitude, cosine, sine = np.split(np.asarray(fourier(None, jnp.asarray(x))), 3, axis=1)
    wanted = rfft(x.astype(np.float64), axis=0) / np.sqrt(length)
    wanted[1 : (length + 1) // 2] *= np.sqrt(2)
    np.testing.assert_allclose(cosine, wanted.real, atol=1e-5)
    np.testing.assert_allclose(sine, wanted.imag, atol=1e-5)
    np.testing.assert_allclose(amplitude, abs(wanted), atol=1e-5)
    np.testing.assert_allclose((amplitude**2).sum(0), (x**2).sum(0), rtol=1e-5)
    # The images of the unit vectors are orthonormal: one column a step.
    columns = np.asarray(jax.vmap(lambda e: fourier(None, e[:, None]))(jnp.eye(length)))
    columns = columns[:, :, 1:].reshape(length, -1)
    np.testing.assert_allclose(columns @ columns.T, np.eye(length), atol=1e-5)


@pytest.mark.parametrize("length", [20, 23])
def test_gabor_is_a_tight_frame(length: int) -> None:
    window, hop = 8, 2
    x = np.random.default_rng(length).normal(size=(length, 2)).astype(np.float32)
    found = np.asarray(gabor(None, jnp.asarray(x), window=window, hop=hop)).reshape(-1, 5, 2)
    g = tight_window(window, hop, 6.0).astype(np.float64)
    # Every element of the frame, written out: a shifted, modulated window, cut to the series.
    elements = []
    for start in range(-(window - hop), length, hop):
        for k in range(window):
            element = np.zeros(length, complex)
            for m in range(window):
                if 0 <= start + m < length:
                    wave = np.exp(2j * np.pi * k * m / window) / np.sqrt(window)
                    element[start + m] = g[m] * wave
            elements.append(element)
    elements = np.array(elements)
    np.testing.assert_allclose(elements.conj().T @ elements, np.eye(length), atol=1e-6)
    assert len(elements) > 2 * length
    size = abs(elements.conj() @ x).reshape(-1, window, 2)
    weight = np.sqrt([1, 2, 2, 2, 1])[:, None]
    np.testing.assert_allclose(found, weight * size[:, :5], atol=1e-5)
    np.testing.assert_allclose((found**2).sum((0, 1)), (x**2).sum(0), rtol=1e-5)


def test_gabor_is_scipys_short_time_transform() -> None:
    window, hop = 8, 4
    x = np.random.default_rng(0).normal(size=24)
    plain = ShortTimeFFT(tight_window(window, hop, 6.0).astype(np.float64), hop, fs=1.0)
    wanted = abs(plain.stft(x)) / np.sqrt(window)
    found = np.asarray(gabor(None, jnp.asarray(x)[:, None], window=window, hop=hop)).T
    wanted[1:-1] *= np.sqrt(2)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    with pytest.raises(UserError, match="divide"):
        gabor(None, jnp.zeros((9, 1)), window=8, hop=3)
