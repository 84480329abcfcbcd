"""Sound files: a folder of them, or a recording."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.listing import files_in
from jssl.data.sound_files import SOUNDS, read_mono_sound
from jssl.data.sounds import SoundFolder
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, thousands
from jssl.own.measure import spread
from jssl.own.tally import tallied

_MEASURED = 64  # files whose rates and lengths are looked at
_RATE = 16000  # samples a second, to which higher rates are brought down
_SECONDS = (0.25, 5.0)  # of a clip, where none is asked for


def matches(path: Path) -> bool:
    """Whether it is a sound file, or a folder with one at any depth."""
    if path.is_file():
        return path.suffix.lower() in SOUNDS.suffixes
    return next(files_in(path, SOUNDS), None) is not None


def open_sounds(path: Path, options: OwnOptions) -> Found:
    """Reads the sounds at one rate, cut into clips of one length."""
    facts = dict(options.known or _measure(path, options))
    data = SoundFolder(
        str(path),
        rate=facts["rate"],
        seconds=facts["seconds"],
        label=options.label,
        group=options.group,
        split=options.rule(),
    )
    details = f"{facts['seconds']:g} s at {thousands(facts['rate'])} Hz"
    source = "labels from sub-folders" if (options.label or "folder").startswith("folder") else ""
    return tallied(
        *("audio", "clips", data, data.load()), details=details, facts=facts, source=source
    )


def _measure(path: Path, options: OwnOptions) -> dict[str, Any]:
    """Rate and length of clips: of most files, and the median; see `OwnOptions`."""
    files = [path] if path.is_file() else list(files_in(path, SOUNDS))
    chosen = spread(np.arange(len(files)), _MEASURED)
    rates, seconds, wrong = Counter(), [], None
    for number in chosen:
        try:
            sound = read_mono_sound(files[number])
        except UserError as error:
            wrong = error
            continue
        rates[sound.rate] += 1
        seconds.append(len(sound.samples) / sound.rate)
    if not rates:
        raise wrong
    rate = options.rate or min(rates.most_common(1)[0][0], _RATE)
    length = options.length or float(np.clip(np.median(seconds), *_SECONDS))
    return {"rate": int(rate), "seconds": float(f"{length:.2g}")}


FORMS = (Form("sounds", "audio", "a folder of sounds", matches, open_sounds, priority=8),)
