"""Texts as pieces of words; a stand-in for the library matches greedily, as a loop."""

import sys
import types

import numpy as np
import pytest

from jssl.data.wordpiece import PiecedPairs, PiecedTexts, WordPiece
from jssl.errors import UserError

VOCABULARY = ("[PAD]", "[UNK]", "un", "##aff", "##able", "the", "able")


class Tokenizer:
    def __init__(self, numbers):
        self.numbers = numbers

    def get_vocab(self):
        return self.numbers

    def get_vocab_size(self):
        return len(self.numbers)

    def train_from_iterator(self, texts, trainer):
        words = sorted({word for text in texts for word in text.split()})
        names = [*trainer["special_tokens"], *words][: trainer["vocab_size"]]
        self.numbers = {name: number for number, name in enumerate(names)}

    def encode_batch(self, texts, add_special_tokens):
        assert not add_special_tokens
        return [types.SimpleNamespace(ids=self.pieces(text.split())) for text in texts]

    def pieces(self, words):
        found = []
        for word in words:
            start, own = 0, []
            if len(word) > 100:  # as the library does
                found.append(self.numbers["[UNK]"])
                continue
            while start < len(word):
                for end in range(len(word), start, -1):
                    name = ("##" if start else "") + word[start:end]
                    if name in self.numbers:
                        own.append(self.numbers[name])
                        start = end
                        break
                else:
                    start, own = len(word), [self.numbers["[UNK]"]]
            found += own
        return found


def stand_in():
    """What the data sources use of the library."""
    return types.SimpleNamespace(
        Tokenizer=Tokenizer,
        models=types.SimpleNamespace(WordPiece=lambda numbers, unk_token: numbers),
        normalizers=types.SimpleNamespace(BertNormalizer=lambda lowercase: None),
        pre_tokenizers=types.SimpleNamespace(BertPreTokenizer=lambda: None),
        trainers=types.SimpleNamespace(WordPieceTrainer=lambda **options: options),
    )


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
