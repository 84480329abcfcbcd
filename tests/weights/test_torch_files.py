"""PyTorch files are read without PyTorch, and nothing that they hold is executed."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jssl.errors import UserError
from jssl.weights.files import array, read_checkpoint
from jssl.weights.torch_files import read_torch
from tests.weights import torch_zip as tz

RNG = np.random.default_rng(0)
ARRAYS = {
    "a.weight": RNG.normal(size=(3, 4)).astype(np.float32),
    "half": RNG.normal(size=5).astype(np.float16),
    "count": np.int64(7),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float32),
}


def test_tensors_have_their_bits(tmp_path: Path) -> None:
    body, storages = tz.state_dict(ARRAYS)
    found = read_torch(tz.write(tmp_path / "a.pth", body, storages))
    assert found.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        read = array(found[name])
        assert read.dtype == value.dtype and read.shape == value.shape
        assert read.tobytes() == value.tobytes(), name


def test_views_of_a_storage_and_nested_dicts(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32)
    whole = tz.tensor("0", "Float", 12, (3, 4), (4, 1))
    turned = tz.tensor("0", "Float", 12, (4, 2), (1, 4), 4)
    inner = tz.dictionary({"whole": whole, "turned": turned})
    args = tz.name("argparse", "Namespace") + b")\x81" + tz.dictionary({"lr": tz.number(1)}) + b"b"
    body = tz.dictionary({"state_dict": inner, "epoch": tz.number(3), "args": args})
    path = tz.write(tmp_path / "a.pth", body, {"0": values.tobytes()}, byteorder=b"little")
    found = read_torch(path)
    assert found["epoch"] == 3 and found["args"] is None
    assert np.array_equal(array(found["state_dict"]["whole"]), values.reshape(3, 4))
    assert np.array_equal(array(found["state_dict"]["turned"]), values[4:].reshape(2, 4).T)
    assert list(read_checkpoint(path).containers()) == ["state_dict"]


class Harm:
    """Its pickle calls a function that would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


STORE = {"0": np.zeros(4, np.float32).tobytes()}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            tz.dictionary({"x": tz.name("os", "system") + b"(" + tz.text("true") + b"tR"}),
            "os.system",
        ),
        (tz.dictionary({"x": tz.name("builtins", "eval")}), "builtins.eval"),
        (tz.dictionary({"x": tz.name("torch", "load") + b")R"}), "torch.load"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 4, (5,), (1,))}), "beyond its storage"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 4, (2, 3), (0, 1))}), "beyond its storage"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 4, (2,), (1,), 3)}), "beyond its storage"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 4, (-1,), (1,))}), "impossible size"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 4, (2,), (1, 1))}), "differ in number"),
        (tz.dictionary({"x": tz.tensor("0", "Float", 9, (4,), (1,))}), "should hold 9"),
        (tz.dictionary({"x": tz.tensor("1", "Float", 4, (4,), (1,))}), "None bytes"),
        (tz.dictionary({"x": tz.tensor("../0", "Float", 4, (4,), (1,))}), "unknown kind"),
        (tz.dictionary({"x": tz.tensor("0", "QInt8", 4, (4,), (1,))}), "QInt8Storage"),
        (b"Rubbish", "damaged"),
        (b"]", "not a state dict"),
    ],
)
def test_anything_but_tensors_is_refused(tmp_path: Path, body: bytes, says: str) -> None:
    path = tz.write(tmp_path / "a.pth", body, STORE)
    with pytest.raises(UserError, match=says):
        read_torch(path)


def test_no_code_of_a_file_runs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    raw = pickle.dumps({"x": Harm(mark)}, protocol=2)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(raw)
    with pytest.raises(UserError, match="plain pickle"):
        read_torch(plain)
    with pytest.raises(UserError, match="none of it was executed"):
        read_torch(tz.write(tmp_path / "a.pth", raw[2:-1], {}))
    assert not mark.exists()


def test_other_containers_are_refused(tmp_path: Path) -> None:
    body, storages = tz.state_dict({"a": np.ones(3, np.float32)})

    def refused(path: Path, says: str) -> None:
        with pytest.raises(UserError, match=says):
            read_checkpoint(path)

    path = tmp_path / "a.pth"
    refused(tz.write(path, body, storages, **{"constants.pkl": b"x"}), "TorchScript")
    refused(tz.write(path, body, storages, byteorder=b"big"), "big-endian")
    refused(tz.write(path, body, storages, method=zipfile.ZIP_DEFLATED), "compressed")
    whole = tz.write(path, body, storages).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "no whole PyTorch file")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("page.txt", "hello")
    refused(path, "not one of torch.save")
    path.write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19." + bytes(20))
    refused(path, "before version 1.6")
    path.write_bytes(b"%PDF-1.7 a page")
    refused(path, "is a PDF")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "paper.pdf").write_bytes(b"%PDF")
    refused(papers, "no file of weights .*it holds .pdf")
    refused(tmp_path / "missing.pth", "there is no file")
    tz.write(path, tz.dictionary({"epoch": tz.number(3)}), {})
    refused(path, "holds no tensors")
