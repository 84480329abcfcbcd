import gzip
import io
import os
import socket
import zipfile

import numpy as np
import pytest

from jssl.data.files import gunzip, open_regular, read_bytes
from jssl.data.npz import read_npz
from jssl.data.sequence_files import read_entries
from jssl.data.text_files import read_text
from jssl.errors import UserError


@pytest.fixture(autouse=True)
def limit(monkeypatch):
    monkeypatch.setenv("JSSL_UNPACK_LIMIT_GB", "0.001")  # 1.07 MB


def npz(path, header_shape, body, compression=zipfile.ZIP_DEFLATED):
    """An `.npz` file whose only array says one shape and has another number of bytes."""
    stream = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": header_shape}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("image.npy", stream.getvalue() + body)
    return path


def test_what_unpacks_to_more_than_the_limit_is_refused_and_the_limit_can_be_raised(
    tmp_path, monkeypatch
):
    size = 3_000_000
    np.savez_compressed(tmp_path / "bomb.npz", image=np.zeros(size, np.uint8))
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"0" * size))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.fasta", ">x\n" + "A" * size)
    readers = {
        "bomb.npz": lambda path: read_npz(path)["image"],
        "bomb.csv.gz": read_text,
        "bomb.zip": lambda path: read_entries(path, "a.fasta")[0]["sequence"],
    }
    for name, read in readers.items():
        with pytest.raises(UserError, match=r"more than 0.001 GiB.*JSSL_UNPACK_LIMIT_GB"):
            read(tmp_path / name)
    monkeypatch.setenv("JSSL_UNPACK_LIMIT_GB", "0.01")
    for name, read in readers.items():
        assert len(read(tmp_path / name)) == size
    monkeypatch.setenv("JSSL_UNPACK_LIMIT_GB", "many")
    with pytest.raises(UserError, match="JSSL_UNPACK_LIMIT_GB must be a positive number: 'many'"):
        read_text(tmp_path / "bomb.csv.gz")


def test_what_is_not_packed_has_no_limit(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, 3_000_000, np.uint8)
    np.savez(tmp_path / "plain.npz", image=image)
    np.savez_compressed(tmp_path / "noise.npz", image=image)
    for name in ("plain.npz", "noise.npz"):
        np.testing.assert_array_equal(read_npz(tmp_path / name)["image"], image)


@pytest.mark.parametrize("shape", [(10**15,), (3,), (2**40, 2**40), (-1,)])
def test_an_array_whose_header_and_bytes_differ_is_refused_before_room_is_made(tmp_path, shape):
    path = npz(tmp_path / "a.npz", shape, bytes(8))
    with pytest.raises(UserError, match="is not a readable"):
        read_npz(path)


def test_a_member_that_holds_more_than_the_archive_declares_is_refused(tmp_path):
    path = npz(tmp_path / "a.npz", (4,), bytes(4))
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        whole = archive.getinfo("image.npy").file_size
    # The size stands in two places.
    lied = raw.replace(whole.to_bytes(4, "little"), (whole - 4).to_bytes(4, "little"))
    assert lied != raw
    path.write_bytes(lied)
    with pytest.raises(UserError, match="is not a readable"):
        read_npz(path)


def test_gzip_of_several_members_and_damaged_ones(tmp_path):
    whole = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 7
    assert gunzip(whole, tmp_path) == b"one two"
    long = gzip.compress(np.random.default_rng(0).bytes(2_000_000))
    assert gunzip(long, tmp_path) == gzip.decompress(long)
    for bad in (b"", whole[:20], whole[:-12], b"text", gzip.compress(b"a") + b"more"):
        with pytest.raises(UserError, match="not a readable gzip file"):
            gunzip(bad, tmp_path / "a.gz")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    cases = {"pipe.npz": "a FIFO", "socket": "a socket", "": "a folder", "loop": "cannot be read",
             "gone": "there is no file"}  # fmt: skip
    for name, words in cases.items():
        with pytest.raises(UserError, match=words), open_regular(tmp_path / name):
            pass
    listening.close()
    for read in (read_npz, read_text, read_bytes):
        with pytest.raises(UserError, match="is a FIFO, not a regular file"):
            read(tmp_path / "pipe.npz")
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(UserError, match="is a FIFO, not a regular file"):
        read_entries(tmp_path / "pipe.zip", "a.fasta")
    with pytest.raises(UserError, match="a device"):
        read_bytes(type(tmp_path)("/dev/zero"))
