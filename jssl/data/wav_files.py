"""Reader of WAV files: samples of every bit depth, mixing to one channel, and error messages.

The format is that of Microsoft and IBM, "Multimedia Programming Interface and Data Specifications
1.0" (1991), with WAVE_FORMAT_EXTENSIBLE (2001), and RF64 for files beyond 4 GiB (EBU Tech 3306).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jssl.data.files import open_regular
from jssl.errors import UserError

RATES = (100, 768_000)  # samples a second that a file may have
LOUDEST = 2.0  # of float samples, whose full scale is 1: 6 dB above it
CANCELLED = 0.1  # of the loudest channel's rms: less than that is left of it in the mean
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_OTHER = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM 6.10", 0x55: "MP3"}
_GUID = bytes.fromhex("000000001000800000aa00389b71")  # how the names of codings end
_UNKNOWN_SIZE = 0xFFFFFFFF


class Sound(NamedTuple):
    """The content of a file.

    Attributes:
      rate: samples a second.
      samples: float64 [T, channels], full scale is 1.
      floats: whether the file holds floats, which may be beyond full scale.
    """

    rate: int
    samples: np.ndarray
    floats: bool


class Mono(NamedTuple):
    """One channel of a file.

    Attributes:
      rate: samples a second.
      samples: float64 [T], full scale is 1.
      cancelled: whether the mean of the channels is nearly silent, so that one channel was taken.
      clipped: number of samples beyond full scale.
    """

    rate: int
    samples: np.ndarray
    cancelled: bool
    clipped: int


def read_mono(path: Path) -> Mono:
    """One channel of a WAV file; see `as_mono`.

    Raises:
      UserError: see `read_sound` and `as_mono`.
    """
    return as_mono(read_sound(path), path)


def as_mono(sound: Sound, path: Path) -> Mono:
    """One channel: the mean of all, or one of them where they cancel each other.

    Channels cancel each other where the root mean square of their mean is below a tenth of that of
    the loudest channel, as with a microphone that is wired the wrong way round. Then the first
    channel that is at least half as loud as the loudest is taken.

    Args:
      sound: of the file.
      path: of the file, for messages.

    Raises:
      UserError: floats reach beyond twice full scale.
    """
    rate, x, floats = sound
    peak = float(np.abs(x).max())
    if floats and peak > LOUDEST:
        raise UserError(
            f"{path} has float samples up to {peak:.6g}, and full scale is 1; divide them by the "
            "full scale that they were written with (32768 for 16-bit integers)"
        )
    mean = x.mean(axis=1)
    power = np.sqrt(np.mean(np.square(x), axis=0))
    cancelled = bool(np.sqrt(np.mean(np.square(mean))) < CANCELLED * power.max())
    mono = x[:, int(np.argmax(power >= 0.5 * power.max()))] if cancelled else mean
    return Mono(rate, mono, cancelled, int(np.sum(np.abs(mono) > 1.0)))


def read_sound(path: Path) -> Sound:
    """Reads a file: integers of 8, 16, 24 or 32 bits or floats of 32 or 64.

    Raises:
      UserError: the file is missing, cut short, without samples, coded in another way, of an odd
        rate, or has a sample that is not finite.
    """
    with open_regular(path) as stream:
        raw = stream.read()
    if not raw:
        raise UserError(f"{path} is empty; remove it or replace it with a sound copy")
    try:
        form, data = _chunks(raw)
        return _decode(*form, data)
    except ValueError as error:
        raise UserError(f"{path} is not a readable WAV file ({error})") from None


def _chunks(raw: bytes) -> tuple[tuple[str, int, int, int, int, int], bytes]:
    """The format (byte order, coding, channels, rate, bytes a frame, bits) and the samples."""
    order = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}.get(raw[:4])
    if order is None or raw[8:12] != b"WAVE":
        raise ValueError("it does not begin with RIFF and WAVE")
    place, form, long = 12, None, None
    while place + 8 <= len(raw):
        name, size = raw[place : place + 4], struct.unpack(f"{order}I", raw[place + 4 : place + 8])
        size, body = size[0], place + 8
        if name == b"ds64" and len(raw) >= body + 16:
            long = struct.unpack("<Q", raw[body + 8 : body + 16])[0]
        elif name == b"fmt ":
            form = _form(raw[body : body + size], order)
        elif name == b"data":
            if form is None:
                raise ValueError("its samples come before their format")
            if size == _UNKNOWN_SIZE:  # RF64, or a stream whose writer could not go back
                size = len(raw) - body if long is None else long
            if size > len(raw) - body:
                raise ValueError(
                    f"it is cut short: its header announces {size} bytes of samples, and "
                    f"{len(raw) - body} are there"
                )
            return form, raw[body : body + size]
        place = body + size + size % 2  # chunks begin at even places
    raise ValueError("it is cut short: it has no samples" if form else "it has no format")


def _form(raw: bytes, order: str) -> tuple[str, int, int, int, int, int]:
    if len(raw) < 16:
        raise ValueError("its format is cut short")
    coding, channels, rate, _, frame, bits = struct.unpack(f"{order}HHIIHH", raw[:16])
    if coding == _EXTENSIBLE:
        if len(raw) < 40 or (order == "<" and raw[26:40] != _GUID):
            raise ValueError("its extended format is of another kind")
        coding = struct.unpack(f"{order}H", raw[24:26])[0]
    return order, coding, channels, rate, frame, bits


def _decode(
    order: str, coding: int, channels: int, rate: int, frame: int, bits: int, data: bytes
) -> Sound:
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"it has {rate} samples a second, not {RATES[0]} to {RATES[1]}")
    if not channels or frame % channels or not frame:
        raise ValueError(f"it has {channels} channels in {frame} bytes")
    size = frame // channels
    known = {(_PCM, 1), (_PCM, 2), (_PCM, 3), (_PCM, 4), (_FLOAT, 4), (_FLOAT, 8)}
    # Fewer bits than a sample has room for stand at its upper end, so their scale is the room's.
    if (coding, size) not in known or not 8 * (size - 1) < bits <= 8 * size:
        kind = {_PCM: "integers", _FLOAT: "floats"}.get(coding)
        kind = f"{kind} of {bits} bits" if kind else _OTHER.get(coding, f"the coding {coding}")
        raise ValueError(
            f"it holds {kind}; integers of 8, 16, 24 and 32 bits and floats of 32 and 64 are read"
        )
    if not data:
        raise ValueError("it has no samples")
    if len(data) % frame:
        raise ValueError(f"it is cut short: {len(data)} bytes are no whole number of samples")
    if coding == _FLOAT:
        x = np.frombuffer(data, f"{order}f{size}").astype(np.float64).reshape(-1, channels)
        bad = np.argwhere(~np.isfinite(x))
        if len(bad):
            at, channel = bad[0]
            raise ValueError(
                f"sample {at} of channel {channel}, at {at / rate:.3f} s, is {x[at, channel]}, and "
                f"{len(bad)} of {x.size} are not finite"
            )
        return Sound(rate, x, True)
    if size == 1:
        x = np.frombuffer(data, np.uint8).astype(np.float64) - 128.0
    elif size == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        found = np.frombuffer(data, np.uint8).reshape(-1, 3)
        wide[:, 1:] = found if order == "<" else found[:, ::-1]
        x = wide.view("<i4")[:, 0].astype(np.float64) / 256.0
    else:
        x = np.frombuffer(data, f"{order}i{size}").astype(np.float64)
    return Sound(rate, x.reshape(-1, channels) / 2.0 ** (8 * size - 1), False)
