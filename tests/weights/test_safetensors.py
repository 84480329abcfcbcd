"""safetensors files: what is written is read back bit for bit, and what is damaged is refused."""

import json
import struct
from pathlib import Path

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.weights.safetensors import read_safetensors, write_safetensors


def test_round_trip_keeps_bits_shapes_and_dtypes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "transposed": rng.normal(size=(3, 4)).astype(np.float32).T,
        "scalar": np.float32(1.5),
        "empty": np.zeros((0, 3), np.float16),
        "low": rng.normal(size=5).astype(ml_dtypes.bfloat16),
        "jax": jnp.arange(6.0).reshape(2, 3),
        "count": np.int64(7),
    }
    path = tmp_path / "a.safetensors"
    write_safetensors(path, arrays, {"who": "test"})
    found, metadata = read_safetensors(path)
    assert metadata == {"who": "test"}
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        value = np.asarray(value)
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert found[name].tobytes() == np.ascontiguousarray(value).tobytes(), name
    before = path.read_bytes()
    write_safetensors(path, found, metadata)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def packed(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no safetensors file"),
        (b"abc", "is no safetensors file"),
        (b"%PDF-1.4 and so on, a page of text", "is no safetensors file"),
        (packed(b"[1, 2]"), "not a JSON object"),
        (packed(b"\xff\xfe\xfd"), "not a JSON object"),
        (packed(f'{{"a":{ENTRY},"a":{ENTRY}}}'.encode(), b"1234"), "names 'a' twice"),
        (packed(f'{{"a":{ENTRY}}}'.encode(), b"12"), "no whole safetensors file"),
        (packed(f'{{"a":{ENTRY}}}'.encode(), b"12345"), "no whole safetensors file"),
        (packed(json.dumps({"a": {"dtype": "F32"}}).encode()), "no whole safetensors file"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        read_safetensors(path)


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {"a": np.ones(100, np.float32)})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="cut short"):
        read_safetensors(path)
