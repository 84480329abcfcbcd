import copyreg
import io
import pickle
import struct
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jssl.data import CitationGraph
from jssl.data.plain_pickle import read_plain_pickle
from jssl.data.sparse import checked_csr
from jssl.errors import UserError


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["?", "u1", "<i4", ">i4", "<i8", "<f2", "<f4", ">f8"])
def test_plain_arrays_are_read_as_they_were(tmp_path, protocol, dtype):
    for array in (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)),
                  np.zeros((0, 3)), np.array(7)):  # fmt: skip
        kept = array.astype(dtype)
        (tmp_path / "a").write_bytes(_dumped(kept, protocol))
        found = read_plain_pickle(tmp_path / "a")
        np.testing.assert_array_equal(found, kept)
        assert found.dtype == kept.dtype.newbyteorder("=")


def _dumped(value, protocol):
    """In protocols 0 to 2 bytes are what Python 2 wrote: its strings."""
    if protocol > 2:
        return pickle.dumps(value, protocol)

    class Python2(pickle._Pickler):
        def save_bytes(self, content):
            self.write(b"S" + repr(content)[1:].encode() + b"\n")
            self.memoize(content)

        dispatch = {**pickle._Pickler.dispatch, bytes: save_bytes}  # noqa: RUF012

    stream = io.BytesIO()
    Python2(stream, protocol).dump(value)
    return stream.getvalue()


@pytest.mark.parametrize("protocol", range(6))
def test_lists_dicts_and_sparse_matrices_are_read(tmp_path, protocol):
    path = tmp_path / "a"
    graph = defaultdict(list, {0: [1, 2], 1: [0], 2: []})
    path.write_bytes(_dumped(graph, protocol))
    assert read_plain_pickle(path) == graph
    matrix = csr_matrix(np.array([[0, 1.5], [2, 0], [0, 0]]))
    path.write_bytes(_dumped(matrix, protocol))
    np.testing.assert_array_equal(read_plain_pickle(path).toarray(), matrix.toarray())


class Reduced:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


_RECONSTRUCT, _, _STATE = np.zeros(2).__reduce__()
_SCALAR = np.float64(0).__reduce__()[0]
_FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]


def array(shape, dtype, raw, kind=np.ndarray):
    return Reduced(_RECONSTRUCT, (kind, (0,), b"b"), (1, shape, dtype, False, raw))


class Records(np.ndarray):
    pass


ADDRESS = struct.pack("<Q", 0x4141414141414141)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (array((1,), np.dtype(object), ADDRESS), "dtype 'O8'"),
        (array((1,), np.dtype(object), [ADDRESS]), "dtype 'O8'"),
        (np.array([None]), "dtype 'O8'"),
        (np.zeros(1, [("a", "O")]), "dtype 'V8'"),
        (np.zeros(1, [("a", "i4")]), "dtype 'V4'"),
        (np.zeros(1, "M8[D]"), "dtype 'M8'"),
        (np.array(["a"]), "dtype 'U1'"),
        (np.zeros(2, complex), "dtype 'c16'"),
        (array((2**40,), np.dtype("f8"), bytes(8)), "has 8 bytes"),
        (array((3,), np.dtype("f8"), bytes(8)), "has 8 bytes"),
        (array((-1, -1), np.dtype("f8"), bytes(8)), r"the shape \(-1, -1\)"),
        (array((1.0,), np.dtype("f8"), bytes(8)), r"the shape \(1.0,\)"),
        (array([1], np.dtype("f8"), bytes(8)), "no shape"),
        (array((1,), "f8", bytes(8)), "no dtype"),
        (array((1,), np.dtype("f8"), 8), "no bytes"),
        (Reduced(_FROM_BUFFER, (ADDRESS, np.dtype(object), (1,), "C")), "dtype 'O8'"),
        (Reduced(_SCALAR, (np.dtype(object), ADDRESS)), "dtype 'O8'"),
        (Reduced(_RECONSTRUCT, (Records, (0,), b"b"), _STATE), "Records, which is no array"),
        (Reduced(list, ([1] * 9,)), "calls a type"),
        (Reduced(defaultdict, (list, [(1, 2)])), "made of a list"),
        (Reduced(copyreg._reconstructor, (list, list, [1])), "no sparse matrix"),
        (Reduced(eval, ("1",)), "asks for builtins.eval"),
        (Reduced(Path, ("/",)), "asks for pathlib"),
        (OrderedDict(a=1), "asks for collections.OrderedDict"),
        (np.random.default_rng(0), "which is no array"),
        ({1, 2}, r"unknown instruction|builtins\.set"),
        (np.ma.zeros(2), "which is no array"),
    ],
)
def test_anything_else_is_refused(tmp_path, value, words):
    for protocol in (3, 4, 5):
        (tmp_path / "a").write_bytes(pickle.dumps(value, protocol))
        with pytest.raises(pickle.UnpicklingError, match=words):
            read_plain_pickle(tmp_path / "a")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no pickle",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # bytes of 2**63
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a frame of 2**63
        b"cnumpy\ndtype\n}(S'a'\nI1\nub.",  # the state of a function
        b"cnumpy\ndtype\n(N}(S'_function'\nI1\nutb.",
        b"cscipy.sparse._csr\ncsr_matrix\n(N}(S'matrix'\nI1\nutb.",  # an attribute of a class
        b"cscipy.sparse._csr\ncsr_matrix\n}(S'matrix'\nI1\nub.",
        b"(icollections\ndefaultdict\n.",
        b"(cbuiltins\nlist\no.",
        b"\x80\x02\x82\x01.",
        b"P1\n.",
        b"I1\nb.",
        b"I1",
    ],
)
def test_instructions_that_no_array_needs_are_refused(tmp_path, raw):
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(pickle.UnpicklingError):
        read_plain_pickle(tmp_path / "a")


def test_a_far_place_in_the_table_of_objects_takes_no_room(tmp_path):
    (tmp_path / "a").write_bytes(b"\x80\x04]r\xff\xff\xff\xff.")  # the unpickler in C takes 64 GB
    assert read_plain_pickle(tmp_path / "a") == []


PARTS = {"data": [1.0, 2], "indices": [0, 1], "indptr": [0, 1, 2], "shape": (2, 2)}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"indices": [0, 2]}, "names column 2"),
        ({"indices": [0, -1]}, "2 columns"),
        ({"indices": [0]}, "other lengths"),
        ({"indptr": [0, 5, 2]}, "do not follow"),
        ({"indptr": [0, 1, 9]}, "do not follow"),
        ({"indptr": [-1, 1, 2]}, "do not follow"),
        ({"indptr": [0, 1]}, "other lengths"),
        ({"data": [[1.0, 2]]}, "other lengths"),
        ({"data": ["a", "b"]}, "other types"),
        ({"indices": [0.0, 1.0]}, "other types"),
        ({"shape": (2, 2, 2)}, "shape"),
        ({"shape": (2, -2)}, "shape"),
        ({"shape": None}, "shape"),
        ({"shape": (2, 10**12)}, "larger than the limit"),
    ],
)
def test_sparse_matrices_are_checked(wrong, words, tmp_path):
    checked_csr(**PARTS, packed=100)
    with pytest.raises(ValueError, match=words):
        checked_csr(**{**PARTS, **wrong}, packed=100)
    bad = {k: np.asarray(v) for k, v in {**PARTS, **wrong}.items() if v is not None}
    good = {k: np.asarray(v) for k, v in PARTS.items()}
    arrays = {f"adj_{k}": v for k, v in bad.items()} | {f"attr_{k}": v for k, v in good.items()}
    np.savez(tmp_path / "a.npz", **arrays, labels=[0, 1], train=[0], validation=[1], test=[1])
    with pytest.raises(UserError, match=r"a\.npz"):
        CitationGraph(str(tmp_path / "a.npz")).load()


def test_a_planetoid_file_with_an_array_of_objects_is_a_sentence(tmp_path):
    start = tmp_path / "ind.bad"
    matrix = csr_matrix(np.eye(2))
    matrix.data = array((2,), np.dtype(object), ADDRESS * 2)
    for value in (matrix, array((1,), np.dtype(object), ADDRESS)):
        Path(f"{start}.x").write_bytes(pickle.dumps(value))
        with pytest.raises(UserError, match=r"ind\.bad\.x is not a file of Planetoid .*dtype 'O8'"):
            CitationGraph(str(start)).load()
