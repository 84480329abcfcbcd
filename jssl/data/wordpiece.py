"""Texts as pieces of words, by the `tokenizers` library: an extra, `pip install jssl[text]`.

Pieces are greedy longest matches from the left, as in BERT (Devlin et al., 2019, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.sentence_pairs import SentencePairs
from jssl.data.text import Texts
from jssl.data.text_files import read_text
from jssl.errors import UserError

PAD, UNKNOWN = "[PAD]", "[UNK]"
_UNKNOWN_SHARE = 0.5


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary of pieces of words in a file; `learn_vocabulary` makes one.

    Attributes:
      path: BERT's `vocab.txt` (a piece a line, continuations after "##") or a `tokenizer.json`.
      lowercase: whether text is lower-cased and accents are removed; a `tokenizer.json` has its own
        setting.
    """

    path: str = "vocab.txt"
    lowercase: bool = True

    def read(self) -> Pieces:
        """Reads the file.

        Raises:
          UserError: the library or the file is missing, or the file is of another form.
        """
        library, file = _library(), Path(self.path).expanduser()
        text = read_text(file)
        if file.suffix == ".json":
            try:
                return Pieces(library.Tokenizer.from_str(text))
            except Exception as error:  # the library has no class of its own for it
                raise UserError(f"{file} is not a tokenizer.json ({error})") from None
        names = text.removesuffix("\n").replace("\r", "").split("\n")
        if UNKNOWN not in names or len(set(names)) != len(names):
            raise UserError(
                f"{file} is not a vocab.txt: it needs {UNKNOWN}, and each piece once on a line of "
                "its own"
            )
        numbers = {name: number for number, name in enumerate(names)}
        return Pieces(_tokenizer(library, numbers, self.lowercase))


@dataclass(frozen=True)
class Pieces:
    """A loaded vocabulary: piece k is symbol k + 1, and 0 is padding.

    Attributes:
      tokenizer: of the library.
    """

    tokenizer: Any

    @property
    def vocabulary(self) -> int:
        """Number of symbols, padding included: an encoder's `vocabulary`."""
        return self.tokenizer.get_vocab_size() + 1

    def symbols(self, texts: Sequence[str], length: int) -> np.ndarray:
        """Texts as int32 [N, length], cut or filled up with 0.

        Raises:
          UserError: more than half of the pieces are unknown.
        """
        out = np.zeros((len(texts), length), np.int32)
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        unknown = self.tokenizer.get_vocab().get(UNKNOWN)
        count, total = sum(one.ids.count(unknown) for one in found), sum(len(o.ids) for o in found)
        if count > _UNKNOWN_SHARE * total:
            raise UserError(
                f"{count} of {total} pieces of the texts are {UNKNOWN}: the vocabulary is not one "
                "of their language or writing; learn one from them, or take that of their language"
            )
        for row, one in zip(out, found, strict=True):
            ids = np.asarray(one.ids[:length], np.int32)
            row[: len(ids)] = ids + 1
        return out


@dataclass(frozen=True)
class _Pieced:
    """Common base of texts and pairs that are read as pieces.

    Attributes:
      pieces: the vocabulary. The encoder's `vocabulary` must be its number of pieces + 1.
    """

    pieces: WordPiece = WordPiece()

    unit = "pieces"

    def symbols(self, texts: list[str]) -> Callable[[list[str], int], np.ndarray]:
        """The loaded vocabulary."""
        del texts
        return self.pieces.read().symbols

    def learn(self, size: int = 4000) -> None:
        """Writes `pieces.path`, a vocabulary of the training texts; see `learn_vocabulary`."""
        texts = self.training_texts()
        learn_vocabulary(texts, self.pieces.path, size=size, lowercase=self.pieces.lowercase)


@dataclass(frozen=True)
class PiecedTexts(_Pieced, Texts):
    """`Texts` as pieces of words, with the fields of both; `length` counts pieces."""


@dataclass(frozen=True)
class PiecedPairs(_Pieced, SentencePairs):
    """`SentencePairs` as pieces of words, with the fields of both; `length` counts pieces."""


def learn_vocabulary(
    texts: Iterable[str], path: str, *, size: int = 4000, lowercase: bool = True
) -> None:
    """Writes a `vocab.txt` of the pieces that are common in some texts.

    This is a separate step because the library breaks ties randomly: two calls give two
    vocabularies, and a resumed run needs its own.

    Args:
      texts: of a training split.
      path: of the file; it must not be there yet.
      size: pieces, at most.
      lowercase: as in `WordPiece`.

    Raises:
      UserError: the library is missing, the file is there, or it cannot be written.
    """
    library, file = _library(), Path(path).expanduser()
    tokenizer = _tokenizer(library, {PAD: 0, UNKNOWN: 1}, lowercase)
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    tokenizer.train_from_iterator(list(texts), trainer)
    numbers = tokenizer.get_vocab()
    try:
        with file.open("x") as out:
            out.write("\n".join(sorted(numbers, key=numbers.get)) + "\n")
    except FileExistsError:
        raise UserError(
            f"{file} is there already: runs may depend on it, so take another"
        ) from None
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error})") from None


def _tokenizer(library: Any, numbers: dict[str, int], lowercase: bool) -> Any:
    tokenizer = library.Tokenizer(library.models.WordPiece(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise UserError(
            "WordPiece needs the tokenizers library: pip install jssl[text], or read the texts as "
            "bytes with jssl.data.text.Texts"
        ) from None
    return tokenizers
