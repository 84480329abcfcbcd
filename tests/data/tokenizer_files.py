"""Small files of tokenizers, and a stand-in for the library that matches greedily, as a loop."""

import gzip
import json
import types
from pathlib import Path

from jssl.data.clip_bpe import ENDS, byte_names

MERGES = ["l o", "lo w</w>", "lo w", "e r</w>", "low er</w>", "a</w> b"]


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


def clip_files(folder: Path) -> Path:
    """A `vocab.json` with `merges.txt`, and the same as OpenAI's file, of 518 pieces and two."""
    folder.mkdir(parents=True, exist_ok=True)
    single = byte_names()
    pieces = [m.replace(" ", "") for m in MERGES]
    names = [*single, *(name + "</w>" for name in single), *pieces, *ENDS]
    (folder / "vocab.json").write_text(json.dumps({name: k for k, name in enumerate(names)}))
    lines = "\n".join(["#version: 0.2", *MERGES, ""])
    (folder / "merges.txt").write_text(lines)
    (folder / "bpe_simple_vocab_16e6.txt.gz").write_bytes(gzip.compress(lines.encode()))
    return folder / "vocab.json"


def bert_file(folder: Path, *more: str) -> Path:
    """A `vocab.txt` of 12 pieces and others."""
    names = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "boat",
        "gull",
        "##s",
        "a",
        "near",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join([*names, "pier", *more]) + "\n")
    return folder / "vocab.txt"
