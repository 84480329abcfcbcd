"""CLIP's byte pairs and BERT's pieces: the published rules, and files that are no tokenizer."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from jssl.data.clip_bpe import ENDS, ClipBPE, byte_names
from jssl.data.pieces import Pieces
from jssl.data.text_source import TextSource
from jssl.data.tokenizers import copy_files, from_record, to_record, tokenizer_at
from jssl.data.wordpiece import WordPiece
from jssl.errors import UserError
from tests.data.tokenizer_files import bert_file, clip_files, stand_in

TEXTS = [
    "Low  lower LOWER's 42nd.",
    "a\tlow—Übung, naïve 1½ 東京 ✨!",
    "it's they'll I'VE <b>bold</b> don't",
    "l'été e\u0301te\u0301 ﬁ",
    "x" * 200,
]


def test_merges_are_applied_in_their_order(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    path = clip_files(tmp_path)
    pieces = ClipBPE(str(path)).read()
    names = json.loads(path.read_text())
    assert pieces.vocabulary == len(names) + 1 == 521
    # low -> l o w</w> -> lo w</w> -> low</w>; lower -> lo w e r</w> -> low er</w> -> lower</w>.
    words = [ENDS[0], "low</w>", "lower</w>", "'", "s</w>", "4</w>", "2</w>", "n", "d</w>", ".</w>"]
    words[3:5] = ["'", "s</w>"]
    found = pieces.symbols([TEXTS[0]], 12)[0]
    wanted = [names[w] for w in words[:3]] + [names[w] for w in words[2:]] + [names[ENDS[1]]]
    np.testing.assert_array_equal(found, [n + 1 for n in wanted])
    cut = pieces.symbols([TEXTS[0]], 4)[0]
    np.testing.assert_array_equal(cut, [*found[:3], names[ENDS[1]] + 1])
    openai = ClipBPE(str(tmp_path / "bpe_simple_vocab_16e6.txt.gz")).read()
    np.testing.assert_array_equal(openai.symbols(TEXTS, 77), pieces.symbols(TEXTS, 77))


def test_pieces_are_those_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = clip_files(tmp_path)
    theirs = transformers.CLIPTokenizer.from_pretrained(tmp_path)
    found = ClipBPE(str(path)).read().symbols(TEXTS, 77)
    for row, text in zip(found, TEXTS, strict=True):
        ids = theirs(text, max_length=77, truncation=True)["input_ids"]
        assert [k - 1 for k in row if k] == ids
    saved = tmp_path / "saved"
    theirs.save_pretrained(saved)
    again = tokenizer_at(saved / "tokenizer.json")
    assert again == ClipBPE(str(saved / "tokenizer.json"))
    np.testing.assert_array_equal(again.read().symbols(TEXTS, 77), found)
    path = bert_file(tmp_path / "bert")
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path / "bert")
    texts = ["The Boats near a píer", "the gulls " * 20]
    found = tokenizer_at(path).read().symbols(texts, 16)
    for row, text in zip(found, texts, strict=True):
        ids = theirs(text, max_length=16, truncation=True)["input_ids"]
        assert [k - 1 for k in row if k] == ids
    # Padding and truncation that a tokenizer.json asks for are left out.
    theirs.backend_tokenizer.enable_padding(length=30)
    theirs.backend_tokenizer.enable_truncation(4)
    theirs.backend_tokenizer.save(str(saved / "tokenizer.json"))
    again = tokenizer_at(saved / "tokenizer.json")
    assert again == WordPiece(str(saved / "tokenizer.json"), special=True)
    np.testing.assert_array_equal(again.read().symbols(texts, 16), found)


def test_the_ends_stay_in_a_text_that_is_cut(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", stand_in())
    path = bert_file(tmp_path)
    tokenizer = tokenizer_at(path)
    assert tokenizer == WordPiece(str(path), lowercase=True, special=True)
    pieces = tokenizer.read()
    found = pieces.symbols(["the boat", "a gull near the pier"], 5)
    np.testing.assert_array_equal(found, [[3, 6, 7, 4, 0], [3, 10, 8, 11, 4]])
    assert pieces.lengths(["the boat", "a gull near the pier"]) == [4, 7]
    with pytest.raises(UserError, match="must be 3 at least"):
        pieces.symbols(["the"], 2)
    texts = tmp_path / "texts.txt"
    texts.write_text("a gull near the pier\nthe boat\nthe pier near the boat\na boat\n" * 5)
    data = TextSource(str(texts), length=5, pieces=tokenizer).load()
    rows = {
        tuple(row) for part in (data.train, data.test) for row in part[np.arange(len(part))]["text"]
    }
    assert rows <= {(3, 10, 8, 11, 4), (3, 6, 7, 4, 0), (3, 6, 12, 11, 4), (3, 10, 7, 4, 0)}
    assert len(rows) > 2


def test_a_tokenizer_is_recognised_by_its_file(tmp_path: Path) -> None:
    bert, clip = bert_file(tmp_path / "bert"), clip_files(tmp_path / "clip")
    assert tokenizer_at(tmp_path / "bert") == tokenizer_at(bert)
    for path in (clip.parent, clip, clip.with_name("merges.txt")):
        assert tokenizer_at(path) == ClipBPE(str(clip))
    gz = clip.with_name("bpe_simple_vocab_16e6.txt.gz")
    assert tokenizer_at(gz) == ClipBPE(str(gz))
    cased = bert_file(tmp_path / "cased", "Boat")
    assert not tokenizer_at(cased).lowercase and tokenizer_at(bert).lowercase
    (tmp_path / "cased/tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert tokenizer_at(cased).lowercase
    assert copy_files(tmp_path / "cased", tmp_path) == ["vocab.txt", "tokenizer_config.json"]
    plain = tmp_path / "plain.txt"
    plain.write_text("[PAD]\n[UNK]\nboat\n")
    assert not tokenizer_at(plain).special
    for tokenizer in (tokenizer_at(cased), tokenizer_at(clip)):
        assert from_record(json.loads(json.dumps(to_record(tokenizer)))) == tokenizer
    for record in (
        {"kind": "os"},
        {"kind": "wordpiece", "path": 3},
        {"kind": "clip_bpe", "x": "y"},
    ):
        with pytest.raises(UserError, match="no tokenizer of this version"):
            from_record(record)


def test_what_is_no_tokenizer_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", stand_in())
    path = clip_files(tmp_path)
    whole, merges = path.read_text(), path.with_name("merges.txt")
    numbers = json.loads(whole)
    lacking = {k: v for k, v in numbers.items() if k != "b</w>"}
    last = dict.fromkeys(["low</w>", ENDS[1]], 0)
    for content, words in (
        (whole[:90], "is not JSON"),
        ("[1]", "must give a number for each piece"),
        (json.dumps(numbers | last), "must be 0 to 519, each once"),
        (json.dumps({k: n for n, k in enumerate(lacking)}), "lacks the piece 'b</w>'"),
        (json.dumps({k: n for n, k in enumerate([*byte_names(), "b</w>"])}), "is not CLIP's"),
    ):
        path.write_text(content)
        with pytest.raises(UserError, match=words):
            tokenizer_at(path).read()
    path.write_text(whole)
    for content, words in (
        ("#\nl o w\n", "line 2 is no merge"),
        ("#\nq z\n", "lacks the piece 'qz', which a merge has"),
        (None, "needs merges.txt beside it"),
    ):
        merges.unlink() if content is None else merges.write_text(content)
        with pytest.raises(UserError, match=words):
            tokenizer_at(path).read()
    double = tmp_path / "double.txt.gz"
    double.write_bytes(gzip.compress(b"#\nl o\nl o\n"))
    with pytest.raises(UserError, match="give the same piece"):
        tokenizer_at(double).read()
    other = tmp_path / "tokenizer.json"
    other.write_text('{"model": {"type": "Unigram", "vocab": [["a", 0.1]]}}')
    with pytest.raises(UserError, match=r"another kind of model \(Unigram\)"):
        tokenizer_at(other)
    (tmp_path / "empty").mkdir()
    for place, words in (
        (tmp_path / "empty", "has no file of a tokenizer"),
        (tmp_path / "no", "no file"),
    ):
        with pytest.raises(UserError, match=words):
            tokenizer_at(place)
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[UNK]\nboat\n")
    with pytest.raises(UserError, match=r"has no \[CLS\]"):
        WordPiece(str(vocab), special=True).read()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"pip install jssl\[text\]"):
        tokenizer_at(vocab).read()
    assert Pieces(None).ends is None
