"""Texts as CLIP's pieces of words (Radford et al., 2021): byte pairs of lower-cased text.

The pieces are those of transformers' `CLIPTokenizer`: text in Unicode's form NFC and in lower case
is divided into words, single digits and runs of other signs; each is written in printable stand-ins
for its UTF-8 bytes, the last with "</w>", and neighbours are merged in the order of the merges
(Sennrich et al., 2016). OpenAI's own code also mends wrongly decoded text and HTML entities, which
clean text has none of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jssl.data.pieces import Pieces, ends_of, from_json, tokenizers_library
from jssl.data.text_files import read_text
from jssl.errors import UserError

ENDS = ("<|startoftext|>", "<|endoftext|>")
MERGES_FILE = "merges.txt"
_MERGES = 49152 - 256 - 2  # that CLIP uses of the file, which has more
_LAST = "</w>"
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True)
class ClipBPE:
    """CLIP's vocabulary in a file.

    Attributes:
      path: `vocab.json` with `merges.txt` beside it, OpenAI's `bpe_simple_vocab_16e6.txt.gz`
        (merges alone, from which the vocabulary follows), or a `tokenizer.json`.
    """

    path: str = "vocab.json"

    kind = "clip_bpe"
    ends = ENDS
    special = True

    def read(self) -> Pieces:
        """Reads the files; every text begins with <|startoftext|> and ends with <|endoftext|>.

        Raises:
          UserError: the library or a file is missing, or a file is of another form.
        """
        library, file = tokenizers_library(), Path(self.path).expanduser()
        text = read_text(file)
        numbers: dict[str, int] | None = None
        if file.suffix == ".json":
            numbers = _vocabulary(text, file)
            if numbers is None:
                tokenizer = from_json(text, file)
                return Pieces(tokenizer, ends_of(tokenizer.get_vocab(), ENDS, file))
            file = file.with_name(MERGES_FILE)
            if not file.is_file():
                raise UserError(f"{self.path} needs {MERGES_FILE} beside it, and there is none")
            text = read_text(file)
        merges = _merges(text, file)
        numbers = _ordered(merges, file) if numbers is None else numbers
        _check(numbers, merges, self.path)
        model = library.models.BPE(
            vocab=numbers,
            merges=merges,
            continuing_subword_prefix="",
            end_of_word_suffix=_LAST,
            fuse_unk=False,
        )
        tokenizer = library.Tokenizer(model)
        normal, split = library.normalizers, library.pre_tokenizers
        space = normal.Replace(library.Regex(r"\s+"), " ")
        tokenizer.normalizer = normal.Sequence([normal.NFC(), space, normal.Lowercase()])
        words = split.Split(library.Regex(_WORDS), behavior="removed", invert=True)
        tokenizer.pre_tokenizer = split.Sequence([words, split.ByteLevel(add_prefix_space=False)])
        return Pieces(tokenizer, ends_of(numbers, ENDS, Path(self.path)))


def byte_names() -> list[str]:
    """The printable stand-ins of the 256 bytes, in the order of CLIP's vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in plain] + [chr(256 + n) for n in range(256 - len(plain))]


def _vocabulary(text: str, file: Path) -> dict[str, int] | None:
    """The content of a `vocab.json`; None for that of a `tokenizer.json`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({error})") from None
    if isinstance(found, dict) and isinstance(found.get("model"), dict):
        return None
    if not isinstance(found, dict) or not all(type(n) is int for n in found.values()):
        raise UserError(f"{file} is not a vocab.json: it must give a number for each piece")
    if sorted(found.values()) != list(range(len(found))):
        raise UserError(
            f"{file} is not a vocab.json: its numbers must be 0 to {len(found) - 1}, each once"
        )
    return found


def _merges(text: str, file: Path) -> list[tuple[str, str]]:
    """The merges of a file whose first line is a comment."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n")[1 : 1 + _MERGES], 2):
        parts = line.split()
        if parts and len(parts) != 2:
            raise UserError(f"{file} line {number} is no merge of two pieces: {line[:40]!a}")
        if parts:
            found.append((parts[0], parts[1]))
    return found


def _ordered(merges: Sequence[tuple[str, str]], file: Path) -> dict[str, int]:
    """CLIP's vocabulary: bytes, bytes that end a word, merges, and the two ends."""
    single = byte_names()
    names = [*single, *(name + _LAST for name in single), *map("".join, merges), *ENDS]
    if len(set(names)) != len(names):
        raise UserError(f"{file} is not CLIP's list of merges: two of them give the same piece")
    return {name: number for number, name in enumerate(names)}


def _check(numbers: dict[str, int], merges: Sequence[tuple[str, str]], path: str) -> None:
    for name in (*byte_names(), *(name + _LAST for name in byte_names())):
        if name not in numbers:
            raise UserError(f"{path} is not CLIP's vocabulary: it lacks the piece {name!a}")
    for first, second in merges:
        for name in (first, second, first + second):
            if name not in numbers:
                raise UserError(f"{path} lacks the piece {name!a}, which a merge has")
