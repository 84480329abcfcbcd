"""A loaded vocabulary of pieces of words, by the library `tokenizers` (`jssl[text]`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jssl.errors import UserError

UNKNOWN = "[UNK]"
_UNKNOWN_SHARE = 0.5


@dataclass(frozen=True)
class Pieces:
    """A loaded vocabulary: piece k is symbol k + 1, and 0 is padding.

    Attributes:
      tokenizer: of the library.
      ends: numbers of the pieces that begin and end each text; None adds none.
    """

    tokenizer: Any
    ends: tuple[int, int] | None = None

    @property
    def vocabulary(self) -> int:
        """Number of symbols, padding included: an encoder's `vocabulary`."""
        return self.tokenizer.get_vocab_size() + 1

    def symbols(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Texts as int32 [N, length], cut or filled up with 0; the ends stay in a text that is cut.

        Raises:
          UserError: more than half of the pieces are unknown, or the ends leave no room for a text.
        """
        if self.ends is not None and length < 3:
            raise UserError(
                f"a length of {length} leaves no room for a text between the pieces that begin and "
                "end it: it must be 3 at least"
            )
        out = np.zeros((len(texts), length), np.int32)
        for row, ids in zip(out, self._encoded(texts), strict=True):
            if self.ends is not None:
                ids = [self.ends[0], *ids[: length - 2], self.ends[1]]
            found = np.asarray(ids[:length], np.int32)
            row[: len(found)] = found + 1
        return out

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Pieces of each of some texts, with the ends."""
        return [len(ids) + 2 * (self.ends is not None) for ids in self._encoded(texts)]

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        found = [
            one.ids for one in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]
        unknown = self.tokenizer.get_vocab().get(UNKNOWN)
        count, total = sum(ids.count(unknown) for ids in found), sum(map(len, found))
        if count > _UNKNOWN_SHARE * total:
            raise UserError(
                f"{count} of {total} pieces of the texts are {UNKNOWN}: the vocabulary is not one "
                "of their language or writing; learn one from them, or take that of their language"
            )
        return found


def tokenizers_library() -> Any:
    """The library.

    Raises:
      UserError: it is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "pieces of words need the tokenizers library: pip install jssl[text], or read the "
            "texts as bytes with jssl.data.text.Texts"
        ) from None
    return tokenizers


def from_json(text: str, file: Path) -> Any:
    """A tokenizer of the library from the text of a `tokenizer.json`, without its padding.

    Raises:
      UserError: it is none.
    """
    library = tokenizers_library()
    try:
        tokenizer = library.Tokenizer.from_str(text)
    except Exception as error:  # the library has no class of its own for it
        raise UserError(f"{file} is not a tokenizer.json ({error})") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def ends_of(vocabulary: dict[str, int], names: tuple[str, str], file: Path) -> tuple[int, int]:
    """The numbers of the pieces that begin and end a text.

    Raises:
      UserError: the vocabulary lacks one.
    """
    for name in names:
        if name not in vocabulary:
            raise UserError(f"{file} has no {name}, which begins or ends each text")
    return vocabulary[names[0]], vocabulary[names[1]]
