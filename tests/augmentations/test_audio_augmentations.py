import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import get_window

from jssl.augmentations import audio
from jssl.errors import UserError

X = (3000 * np.random.default_rng(0).normal(size=1000)).astype(np.int16)
KEY = jax.random.key(0)


def test_the_front_end_is_windows_power_filters_logarithm():
    found = np.asarray(audio.log_mel(None, jnp.asarray(X), window=128, hop=50, mels=6, low=100.0))
    assert found.shape == (18, 6, 1)
    x, hann = X / 32768.0, get_window("hann", 128)
    edges = np.linspace(2595 * np.log10(1 + 100 / 700), 2595 * np.log10(1 + 4000 / 700), 8)
    edges = 700 * (10 ** (edges / 2595) - 1)
    f = np.arange(65) * 8000 / 128
    for frame in (0, 7, 17):
        part = x[frame * 50 : frame * 50 + 128] * hann
        turns = np.exp(-2j * np.pi * np.outer(np.arange(65), np.arange(128)) / 128)
        power = np.abs(turns @ part) ** 2
        for mel in range(6):
            weights = np.interp(f, edges[mel : mel + 3], [0, 1, 0], left=0, right=0)
            np.testing.assert_allclose(
                found[frame, mel, 0], np.log(power @ weights + 1e-7), rtol=1e-4
            )
    with pytest.raises(UserError, match="18 windows"):
        audio.log_mel(None, jnp.asarray(X), window=128, hop=50, frames=30)


def test_waveform_operations():
    x = jnp.asarray(X)
    moved = np.asarray(audio.shift(KEY, x, share=0.1))
    wave = X.astype(np.float32) / 32768
    fits = [
        by for by in range(-100, 101) if np.array_equal(moved[100:-100], wave[100 + by : 900 + by])
    ]
    assert len(fits) == 1
    noisy = np.asarray(audio.add_noise(KEY, x, snr=(10.0, 10.0))) - wave
    ratio = 10 * np.log10(np.mean(wave**2) / np.mean(noisy**2))
    assert abs(ratio - 10) < 0.5


def test_spectrogram_operations():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(40, 30, 1)), jnp.float32)
    hidden = np.asarray(audio.hide_bands(KEY, x, time=0.5, frequency=0.5))[..., 0]
    changed = hidden != x[..., 0]
    rows, columns = changed.all(axis=1), changed.all(axis=0)
    np.testing.assert_array_equal(changed, rows[:, None] | columns[None, :])
    assert 0 < rows.sum() <= 20 and 0 < columns.sum() <= 15
    np.testing.assert_allclose(hidden[changed], x.mean(), atol=1e-5)
    moved = np.asarray(audio.shift_pitch(KEY, x, bins=3))
    fits = [by for by in range(-3, 4) if np.array_equal(moved[:, 3:-3], x[:, 3 + by : 27 + by])]
    assert len(fits) == 1
    normal = np.asarray(audio.standardise(None, 5 + 3 * x))
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=1e-4)
