"""Reader of sound files: WAV by jssl itself, FLAC, OGG, MP3 and others by the soundfile library.

The library is an extra: `pip install jssl[audio]`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.files import open_regular, too_large, unpack_limit
from jssl.data.listing import Kind
from jssl.data.wav_files import RATES, Mono, Sound, as_mono, read_sound
from jssl.errors import UserError

SOUNDS = Kind("sound", (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"))
_OTHER_CODING = re.compile(r"it holds (?!integers|floats)")


def read_mono_sound(path: Path) -> Mono:
    """One channel of a sound file, mixed as `jssl.data.wav_files.as_mono` does.

    A WAV file whose coding jssl does not know, such as mu-law, is left to the library.

    Raises:
      UserError: the file is missing, damaged, empty or of another kind; it has a sample that is
        not finite; or it needs the library, which is not installed.
    """
    if path.suffix.lower() != ".wav":
        return as_mono(_decoded(path), path)
    try:
        return as_mono(read_sound(path), path)
    except UserError as error:
        if not _OTHER_CODING.search(str(error)) or _library() is None:
            raise
    return as_mono(_decoded(path), path)


def _library() -> Any:
    """The module, or None where it is not installed."""
    try:
        import soundfile
    except (ImportError, OSError):  # the latter where its shared library is missing
        return None
    return soundfile


def _decoded(path: Path) -> Sound:
    library = _library()
    if library is None:
        raise UserError(
            f"{path}: sounds that are no WAV files need the soundfile library: pip install "
            "jssl[audio], or convert them to WAV"
        )
    with open_regular(path) as stream:
        if not stream.read(1):
            raise UserError(f"{path} is empty; remove it or replace it with a sound copy")
        stream.seek(0)
        try:
            with library.SoundFile(stream) as file:
                size = 8 * file.frames * file.channels
                if size > (limit := unpack_limit(path.stat().st_size)):
                    raise too_large(path, limit)
                x, rate = file.read(dtype="float64", always_2d=True), file.samplerate
        except (library.LibsndfileError, RuntimeError, ValueError, OSError) as error:
            reason = str(error).rpartition(": ")[2].rstrip(".")
            raise UserError(f"{path} is not a readable sound file ({reason})") from None
    if not len(x):
        raise UserError(f"{path} has no samples; remove it or replace it with a sound copy")
    if not RATES[0] <= rate <= RATES[1]:
        raise UserError(f"{path} has {rate} samples a second, not {RATES[0]} to {RATES[1]}")
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        raise UserError(f"{path}: sample {bad[0][0]} of channel {bad[0][1]} is not finite")
    return Sound(rate, x, True)
