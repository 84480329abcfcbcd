import numpy as np
import pytest
from scipy.io import wavfile

from jssl.data.audio import ESC, TONES, SpokenDigits, Tones, read_wav
from jssl.errors import UserError


def write(path, x, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, x)


def test_wav_files_of_every_depth_become_int16(tmp_path):
    wave = np.sin(np.arange(800) * 0.05)
    for name, x in (
        ("i16", (wave * 20000).astype(np.int16)),
        ("i32", (wave * 20000 * 65536).astype(np.int32)),
        ("f32", (wave * 20000 / 32768).astype(np.float32)),
        ("u8", (wave * 20000 / 256 + 128).round().astype(np.uint8)),
        ("two", np.stack([(wave * 20000).astype(np.int16)] * 2, axis=1)),
    ):
        write(tmp_path / f"{name}.wav", x)
        found = read_wav(tmp_path / f"{name}.wav", 8000)
        assert found.dtype == np.int16
        np.testing.assert_allclose(found, wave * 20000, atol=200 if name == "u8" else 2)
    half = read_wav(tmp_path / "i16.wav", 4000)
    np.testing.assert_allclose(half[50:350], (wave * 20000)[100:700:2], atol=50)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match="not a readable WAV"):
        read_wav(tmp_path / "bad.wav", 8000)


def test_spoken_digits_keep_the_published_split(tmp_path):
    for digit in range(10):
        for take in (0, 4, 5, 6, 7):
            x = np.full(100, 100 * digit + take, np.int16)
            write(tmp_path / "recordings" / f"{digit}_ann_{take}.wav", x)
    splits = SpokenDigits(str(tmp_path), seconds=0.02, fraction=1 / 3).load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [20, 10, 20]
    test = splits.test[:]
    assert set(test["audio"][:, 0] % 100) == {0, 4}
    np.testing.assert_array_equal(test["audio"][:, 0] // 100, test["label"])
    assert not test["audio"][:, 100:].any()  # silence fills up
    with pytest.raises(UserError, match="no file such as"):
        SpokenDigits(str(tmp_path / "audio")).load()


def test_esc_splits_by_fold(tmp_path):
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in range(1, 6):
        for category, ten in (("dog", "True"), ("rain", "True"), ("cat", "False")):
            name = f"{fold}-{category}.wav"
            write(tmp_path / "audio" / name, np.full(40, fold, np.int16))
            lines.append(f"{name},{fold},0,{category},{ten},0,A")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("\n".join(lines))
    splits = ESC(str(tmp_path), test=1, rate=8000, seconds=0.005).load()
    assert splits.classes == ("dog", "rain")
    folds = [set(part[:]["audio"][:, 0]) for part in (splits.train, splits.validation, splits.test)]
    assert folds == [{2, 3, 4}, {5}, {1}]


def test_tones_begin_with_the_smaller_set():
    few = Tones(train=8, validation=1, test=1, seconds=0.1).load()
    more = Tones(train=16, validation=1, test=1, seconds=0.1).load()
    np.testing.assert_array_equal(few.train[:]["audio"], more.train[:8]["audio"])
    assert set(few.train[:]["label"]) == set(range(len(TONES)))
