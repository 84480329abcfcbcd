"""Texts as pieces of words; a stand-in for the library matches greedily, as a loop."""

import sys

import numpy as np
import pytest

from jssl.data.wordpiece import PiecedPairs, PiecedTexts, WordPiece
from jssl.errors import UserError
from tests.data.tokenizer_files import stand_in

VOCABULARY = ("[PAD]", "[UNK]", "un", "##aff", "##able", "the", "able")


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", stand_in())


def test_texts_become_pieces_and_what_is_no_vocabulary_is_refused(tmp_path, library):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n")
    pieces = WordPiece(str(path)).read()
    assert pieces.vocabulary == 8
    found = pieces.symbols(["unaffable the", "xyz able", "the the the the the"], 4)
    np.testing.assert_array_equal(found, [[3, 4, 5, 6], [2, 7, 0, 0], [6, 6, 6, 6]])
    lines = ["the boat\tA", "a gull\tB"] * 10
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    learnt = PiecedTexts(
        str(tmp_path / "train.tsv"), length=3, pieces=WordPiece(str(tmp_path / "own.txt"))
    )
    learnt.learn(10)
    assert (tmp_path / "own.txt").read_text().split() == [
        *VOCABULARY[:2],
        "a",
        "boat",
        "gull",
        "the",
    ]
    train = learnt.load().train
    text, label = (train[np.arange(len(train))][k] for k in ("text", "label"))
    wanted = np.where(label[:, None] == 0, [[6, 4, 0]], [[3, 5, 0]])
    np.testing.assert_array_equal(text, wanted)
    with pytest.raises(UserError, match="there already"):
        learnt.learn(10)
    path.write_text("a\na\n[UNK]\n")
    with pytest.raises(UserError, match=r"not a vocab\.txt"):
        WordPiece(str(path)).read()
    with pytest.raises(UserError, match="there is no file"):
        WordPiece(str(tmp_path / "none.json")).read()


def test_both_sentences_of_a_pair_become_pieces(tmp_path, library):
    lines = ["the boat\ta gull\t1.5", "a pier\tthe boat\t4"] * 5
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    pieces = WordPiece(str(tmp_path / "vocab.txt"))
    pairs = PiecedPairs(str(tmp_path / "train.tsv"), length=3, pieces=pieces)
    pairs.learn(10)  # [PAD] [UNK] a boat gull pier the
    row = pairs.load().train[0]
    wanted = {1.5: ([7, 4, 0], [3, 5, 0]), 4.0: ([3, 6, 0], [7, 4, 0])}
    text, other = wanted[float(row["target"])]
    np.testing.assert_array_equal(row["text"], text)
    np.testing.assert_array_equal(row["other"], other)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"pip install jssl\[text\]"):
        WordPiece().read()
