"""WAV files as they are found: right values of every depth, and a sentence for what is none."""

import logging
import struct

import chex
import numpy as np
import pytest

from jssl.data import notes
from jssl.data.audio import ESC, SpokenDigits, read_wav, read_wavs
from jssl.errors import UserError

WAVE = np.round(np.sin(np.arange(400) * 0.05) * 20000).astype(np.int64)  # in units of 16 bits

SLOW = np.round(np.sin(np.arange(800) * 0.025) * 20000).astype(np.int64)  # at twice the rate


def chunk(name, body, order="<", size=None):
    size = len(body) if size is None else size
    return name + struct.pack(f"{order}I", size) + body + b"\0" * (len(body) % 2)


def wav(
    data, *, coding=1, channels=1, bits=16, rate=8000, order="<", before=b"", size=None, sub=None
):
    frame = channels * -(-bits // 8)
    form = struct.pack(f"{order}HHIIHH", coding, channels, rate, 0, frame, bits)
    if sub is not None:
        tail = bytes.fromhex("000000001000800000aa00389b71")
        form += struct.pack(f"{order}HHIH", 22, bits, 0, sub) + tail
    body = b"WAVE" + chunk(b"fmt ", form, order) + before + chunk(b"data", data, order, size)
    return (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", len(body)) + body


def bytes_of(values, size, order="<"):
    """Integers of 1 to 4 bytes; those of one byte are unsigned, with 128 for silence."""
    if size == 1:
        return (values + 128).astype(np.uint8).tobytes()
    wide = np.asarray(values, f"{order}i4").view(np.uint8).reshape(-1, 4)
    return (wide[:, :size] if order == "<" else wide[:, 4 - size :]).tobytes()


GOOD = {
    "8": (wav(bytes_of(WAVE >> 8, 1), bits=8), 256),
    "16": (wav(bytes_of(WAVE, 2)), 0),
    "24": (wav(bytes_of(WAVE << 8, 3), bits=24), 0),
    "32": (wav(bytes_of(WAVE << 16, 4), bits=32), 0),
    "20 bits in 24": (wav(bytes_of(WAVE << 8, 3), bits=20), 0),
    "float 32": (wav((WAVE / 32768).astype("<f4").tobytes(), coding=3, bits=32), 0),
    "float 64": (wav((WAVE / 32768).astype("<f8").tobytes(), coding=3, bits=64), 0),
    "extensible": (wav(bytes_of(WAVE, 2), coding=0xFFFE, sub=1), 0),
    "extensible 24": (wav(bytes_of(WAVE << 8, 3), coding=0xFFFE, bits=24, sub=1), 0),
    "extensible float": (
        wav((WAVE / 32768).astype("<f4").tobytes(), coding=0xFFFE, bits=32, sub=3),
        0,
    ),
    "odd chunk": (wav(bytes_of(WAVE, 2), before=chunk(b"LIST", b"abc")), 0),
    "big endian": (wav(bytes_of(WAVE, 2, ">"), order=">"), 0),
    "big endian 24": (wav(bytes_of(WAVE << 8, 3, ">"), order=">", bits=24), 0),
    "stream": (wav(bytes_of(WAVE, 2), size=0xFFFFFFFF), 0),
    "two channels": (wav(bytes_of(np.repeat(WAVE, 2), 2), channels=2), 0),
    "one silent": (wav(bytes_of(np.stack([WAVE, 0 * WAVE], 1).ravel(), 2), channels=2), None),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_depth_has_its_right_values(tmp_path, name):
    raw, apart = GOOD[name]
    (tmp_path / "a.wav").write_bytes(raw)
    found = read_wav(tmp_path / "a.wav", 8000)
    assert found.dtype == np.int16
    wanted = np.round(WAVE / 2) if apart is None else WAVE
    np.testing.assert_allclose(found, wanted, atol=apart or 0)


def test_rf64_tells_the_size_in_a_chunk_of_its_own(tmp_path):
    data = bytes_of(WAVE, 2)
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(data), len(WAVE), 0))
    raw = wav(data, size=0xFFFFFFFF)
    raw = b"RF64" + raw[4:12] + sizes + raw[12:] + chunk(b"LIST", b"behind")
    (tmp_path / "a.wav").write_bytes(raw)
    np.testing.assert_array_equal(read_wav(tmp_path / "a.wav", 8000), WAVE)


FLOATS = np.sin(np.arange(400) * 0.05).astype("<f4")
BAD = {
    "empty": (b"", "is empty"),
    "head": (b"RIFF", "does not begin with RIFF and WAVE"),
    "noise": (bytes(range(256)) * 4, "does not begin with RIFF and WAVE"),
    "no samples": (wav(b""), "has no samples"),
    "no data": (wav(bytes_of(WAVE, 2))[:36], "cut short: it has no samples"),
    "cut": (wav(bytes_of(WAVE, 2))[:-401], "announces 800 bytes of samples, and 399 are there"),
    "half a frame": (wav(bytes_of(WAVE, 2)[:-2], channels=2), "no whole number of samples"),
    "int64": (wav(WAVE.astype("<i8").tobytes(), bits=64), "integers of 64 bits"),
    "mu-law": (wav(bytes_of(WAVE >> 8, 1), coding=7, bits=8), "mu-law"),
    "float 16": (wav(FLOATS.astype("<f2").tobytes(), coding=3, bits=16), "floats of 16 bits"),
    "no rate": (wav(bytes_of(WAVE, 2), rate=0), "0 samples a second"),
    "high rate": (wav(bytes_of(WAVE, 2), rate=1 << 31), "2147483648 samples a second"),
    "no channels": (wav(bytes_of(WAVE, 2), channels=0), "0 channels"),
    "loud": (wav((FLOATS * 20000).tobytes(), coding=3, bits=32), "float samples up to 19999"),
    "louder": (wav((FLOATS * 2.5).tobytes(), coding=3, bits=32), "full scale is 1"),
}
for value in (np.nan, np.inf, -np.inf):
    broken = FLOATS.copy()
    broken[8::2] = value
    raw = wav(broken.tobytes(), coding=3, channels=2, bits=32)
    BAD[str(value)] = (raw, f"sample 4 of channel 0, at 0.001 s, is {value}, and 196 of 400")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sound_is_said_in_one_sentence(tmp_path, name):
    raw, words = BAD[name]
    (tmp_path / "a.wav").write_bytes(raw)
    with pytest.raises(UserError) as caught:
        read_wav(tmp_path / "a.wav", 8000)
    said = str(caught.value)
    assert words in said and "a.wav" in said and "\n" not in said


def test_channels_that_cancel_each_other_leave_the_first_loud_one(tmp_path, caplog):
    notes.note.cache_clear()
    both = np.stack([WAVE // 100, WAVE // 2, -WAVE // 2], 1).ravel()
    (tmp_path / "a.wav").write_bytes(wav(bytes_of(both, 2), channels=3))
    with caplog.at_level(logging.WARNING):
        found = read_wavs([tmp_path / "a.wav"] * 2, 8000, 400)
    np.testing.assert_allclose(found[1], WAVE // 2, atol=1)
    assert len(caplog.messages) == 1 and "2 of 2 sounds have channels that" in caplog.text


def test_a_folder_is_summed_up_once(tmp_path, caplog):
    notes.note.cache_clear()
    for name, raw in (
        ("a", wav(bytes_of(WAVE, 2))),
        ("b", wav(bytes_of(0 * WAVE, 2))),
        ("c", wav(bytes_of(SLOW, 2), rate=16000)),
        ("d", wav((FLOATS * 1.5).tobytes(), coding=3, bits=32)),
    ):
        (tmp_path / f"{name}.wav").write_bytes(raw)
    paths = sorted(tmp_path.glob("*.wav"))
    with caplog.at_level(logging.WARNING):
        found = read_wavs(paths, 8000, 400)
        read_wavs(paths, 8000, 400)
    assert [m.partition(": ")[2].partition(": ")[2] for m in caplog.messages] == [
        "1 of 4 sounds are silent (b.wav)",
        "1 of 4 sounds have floats beyond full scale, which are clipped (d.wav)",
        "sounds have several rates, 8000 Hz (3), 16000 Hz (1); they become 8000 Hz (c.wav)",
    ]
    np.testing.assert_allclose(found[2, 20:-20], WAVE[20:-20], atol=60)
    with pytest.raises(UserError, match="all 1 sounds are silent"):
        read_wavs([tmp_path / "b.wav"], 8000, 400)
    (tmp_path / "e.wav").write_bytes(b"")
    (tmp_path / "f.wav").write_bytes(wav(b""))
    with pytest.raises(UserError, match=r"e\.wav is empty; .* \(1 more of 6 cannot be used\)"):
        read_wavs(sorted(tmp_path.glob("*.wav")), 8000, 400)


def test_spoken_digits_are_found_in_capitals_and_named_when_twice(tmp_path, caplog):
    for folder, ending in (("a", "wav"), ("b", "WAV")):
        (tmp_path / folder).mkdir()
        for take in range(12):
            path = tmp_path / folder / f"{take % 2}_ann_{take}.{ending}"
            path.write_bytes(wav(bytes_of(WAVE + take, 2)))
    (tmp_path / "b" / "1_ann_11.wav").write_bytes(wav(bytes_of(WAVE, 2)))
    with caplog.at_level(logging.WARNING):
        splits = SpokenDigits(str(tmp_path), seconds=0.05, fraction=0.2).load()
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 25
    assert "1 file names are in two folders or more (1_ann_11.wav)" in caplog.text


def test_the_table_of_esc_is_checked_by_line(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "meta").mkdir()
    for fold in range(1, 6):
        (tmp_path / "audio" / f"{fold}.wav").write_bytes(wav(bytes_of(WAVE + fold, 2)))
    names = ["filename", "fold", "category", "esc10"]
    good = [[f"{fold}.wav", str(fold), "dog", "True"] for fold in range(1, 6)]

    def load(rows, order=(0, 1, 2, 3), **more):
        text = "\n".join(",".join(row[k] for k in order) for row in [names, *rows])
        (tmp_path / "meta" / "esc50.csv").write_text(text, encoding="utf-8-sig")
        return ESC(str(tmp_path), rate=8000, seconds=0.05, **more).load()

    first, other = load(good), load(good, (3, 1, 0, 2))
    assert [len(first.train), len(first.validation), len(first.test)] == [3, 1, 1]
    for part in ("train", "validation", "test"):
        chex.assert_trees_all_equal(getattr(first, part)[:], getattr(other, part)[:])
    for row, words in (
        (["1.wav", "x", "dog", "True"], "line 7 has the fold 'x'"),
        (["../1.wav", "1", "dog", "True"], "not the name of a file"),
        (["1.wav", "1", "dog", "True"], "has 1.wav more than once"),
        (["9.wav", "1", "", "True"], "line 7 lacks a cell"),
        (["9.wav", "1", "dog", "1"], "'1' for True or False"),
        (["9.wav", "1", "dog", "True"], "there is no file"),
    ):
        with pytest.raises(UserError, match=words):
            load([*good, row])
    with pytest.raises(UserError, match="no sounds of the folds"):
        load(good[:4])
    with pytest.raises(UserError, match=r"test is 6; it must be a whole number in \[1, 5\]"):
        load(good, test=6)
