"""Sounds: the log-mel front end, and augmentations of waveforms [T] and spectrograms [T, F, 1]."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.compose import Pipeline, pipeline
from jssl.core.ranges import BelowOne, Count, Interval, Natural, NonNegative, Positive, Unit
from jssl.errors import UserError
from jssl.nn.waveform import real_samples

FIELD = "audio"


def as_waveform(key: jax.Array | None, x: jax.Array) -> jax.Array:
    """A sound as float32 in [-1, 1]: int16 is divided by 32768; [T] -> [T]."""
    del key
    if x.ndim != 1:
        raise UserError(f"an audio operation takes one sound [samples], not shape {x.shape}")
    return x.astype(jnp.float32) / 32768.0 if x.dtype == jnp.int16 else x


def mel_matrix(
    bins: int, rate: int, mels: int, low: float = 0.0, high: float | None = None
) -> np.ndarray:
    """Triangular filters evenly spaced on the mel scale, mel = 2595 log10(1 + f / 700).

    Args:
      bins: frequencies of the spectrum, from 0 to rate / 2.
      rate: samples a second.
      mels: number of filters M.
      low: frequency at which the first begins, Hz.
      high: frequency at which the last ends; None for rate / 2.

    Returns:
      float32 [bins, M], each filter with a peak of 1.

    Source: O'Shaughnessy, "Speech Communication", 1987 (the scale, as in HTK).
    """
    high = rate / 2 if high is None else high
    ends = 2595.0 * np.log10(1.0 + np.asarray([low, high]) / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(*ends, mels + 2) / 2595.0) - 1.0)
    f = np.linspace(0.0, rate / 2, bins)[:, None]
    rise = (f - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - f) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


def log_mel(
    key: jax.Array | None,
    x: jax.Array,
    *,
    rate: Count = 8000,
    window: Count = 256,
    hop: Count = 80,
    mels: Count = 64,
    frames: Count | None = None,
    low: NonNegative = 50.0,
    floor: Positive = 1e-7,
) -> jax.Array:
    """The log-mel spectrogram: power of Hann windows through `mel_matrix`, natural logarithm.

    Args:
      key: not used.
      x: [T], float or int16.
      rate: samples a second.
      window: samples of a window, which is also the length of the transform.
      hop: samples between windows.
      mels: number of filters.
      frames: the first so many windows; None for all that fit.
      low: frequency at which the first filter begins, Hz.
      floor: added before the logarithm.

    Returns:
      float32 [frames, mels, 1], like an image.

    Raises:
      UserError: the sound is too short for the frames wanted.
    """
    x = as_waveform(key, x)
    fit = (x.shape[0] - window) // hop + 1
    frames = fit if frames is None else frames
    if fit < max(frames, 1):
        raise UserError(
            f"a sound of {x.shape[0]} samples has {max(fit, 0)} windows of {window} every {hop}, "
            f"and {frames} are wanted"
        )
    places = np.arange(frames)[:, None] * hop + np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)
    spectrum = jnp.fft.rfft(x[places] * hann.astype(np.float32))
    power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    filters = mel_matrix(window // 2 + 1, rate, mels, low)
    energy = jnp.matmul(power, filters, precision=jax.lax.Precision.HIGHEST)
    return jnp.log(energy + floor)[..., None]


def level(key: jax.Array | None, x: jax.Array) -> jax.Array:
    """Standardises a sound to mean 0 and variance 1, excluding zeros that pad its end."""
    x = as_waveform(key, x)
    real = real_samples(x)
    count = jnp.sum(real)
    centred = jnp.where(real, x - jnp.sum(x) / count, 0.0)
    return centred * jax.lax.rsqrt(jnp.sum(centred * centred) / count + 1e-7)


def standardise(key: jax.Array | None, x: jax.Array) -> jax.Array:
    """Standardises a spectrogram to mean 0 and variance 1, which removes its loudness."""
    del key
    return (x - jnp.mean(x)) / (jnp.std(x) + 1e-5)


def shift(key: jax.Array, x: jax.Array, *, share: Unit = 0.2) -> jax.Array:
    """Shifts a sound in time by up to a share of its length, padding with silence; [T] -> [T].

    Args:
      key: PRNG key.
      x: float [T].
      share: largest shift as a share of the length.
    """
    x = as_waveform(None, x)
    reach = max(1, round(share * x.shape[0]))
    by = jax.random.randint(key, (), 0, 2 * reach + 1)
    return jax.lax.dynamic_slice(jnp.pad(x, (reach, reach)), (by,), x.shape)


def add_noise(key: jax.Array, x: jax.Array, *, snr: Interval = (5.0, 30.0)) -> jax.Array:
    """Adds white noise at a random signal-to-noise ratio in decibels; [T] -> [T].

    Args:
      key: PRNG key.
      x: float [T].
      snr: range of the signal-to-noise ratio, in decibels.
    """
    x = as_waveform(None, x)
    amount, draw = jax.random.split(key)
    decibels = jax.random.uniform(amount, (), minval=snr[0], maxval=snr[1])
    power = jnp.mean(jnp.square(x)) * 10.0 ** (-decibels / 10.0)
    return x + jnp.sqrt(power) * jax.random.normal(draw, x.shape)


def hide_bands(
    key: jax.Array, x: jax.Array, *, time: BelowOne = 0.15, frequency: BelowOne = 0.15
) -> jax.Array:
    """Sets a random stretch of time and a band of frequencies to the mean (SpecAugment).

    Park et al., "SpecAugment", 2019, section 2, one mask of each kind.

    Args:
      key: PRNG key.
      x: [T, F, 1].
      time: longest stretch, as a share of T.
      frequency: widest band, as a share of F.

    Returns:
      [T, F, 1].
    """
    u = jax.random.uniform(key, (2, 2))
    hidden = []
    for (size, place), length, most in zip(u, x.shape[:2], (time, frequency), strict=True):
        size = size * most * length
        start = place * (length - size)
        step = jnp.arange(length)
        hidden.append((step >= start) & (step < start + size))
    return jnp.where(hidden[0][:, None, None] | hidden[1][None, :, None], jnp.mean(x), x)


def shift_pitch(key: jax.Array, x: jax.Array, *, bins: Natural = 4) -> jax.Array:
    """Shifts a log-mel spectrogram along the mel axis by up to a number of bins, repeating edges.

    Args:
      key: PRNG key.
      x: float [T, mel bins].
      bins: largest shift, in mel bins.
    """
    by = jax.random.randint(key, (), -bins, bins + 1)
    places = jnp.clip(jnp.arange(x.shape[1]) + by, 0, x.shape[1] - 1)
    return x[:, places]


def audio_view(
    *, rate: int = 8000, hop: int = 80, mels: int = 64, frames: int = 96, window: int = 256
) -> Pipeline:
    """One view of a sound: time shift, noise, log-mel spectrogram, pitch shift, SpecAugment mask.

    This project's own recipe.

    Args:
      rate: samples a second.
      hop: samples between windows.
      mels: number of mel filters.
      frames: windows of the result.
      window: samples of a window.

    Returns:
      Pipeline, example -> float32 [frames, mels, 1].
    """
    front = partial(log_mel, rate=rate, window=window, hop=hop, mels=mels, frames=frames)
    return pipeline(shift, add_noise, front, shift_pitch, hide_bands, standardise, field=FIELD)


def audio_evaluation(
    *, rate: int = 8000, hop: int = 80, mels: int = 64, frames: int = 96, window: int = 256
) -> Pipeline:
    """The spectrogram of the whole sound, standardised; arguments as in `audio_view`."""
    front = partial(log_mel, rate=rate, window=window, hop=hop, mels=mels, frames=frames)
    return pipeline(front, standardise, field=FIELD)


def wave_evaluation() -> Pipeline:
    """The samples of the whole sound, float32 [T], standardised."""
    return pipeline(level, field=FIELD)
