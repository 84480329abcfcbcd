"""Texts as pieces of words, by the `tokenizers` library: an extra, `pip install jssl[text]`.

Pieces are greedy longest matches from the left, as in BERT (Devlin et al., 2019, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.pieces import UNKNOWN, Pieces, ends_of, from_json, tokenizers_library
from jssl.data.sentence_pairs import SentencePairs
from jssl.data.text import Texts
from jssl.data.text_files import read_text
from jssl.errors import UserError

PAD = "[PAD]"
ENDS = ("[CLS]", "[SEP]")


@dataclass(frozen=True)
class WordPiece:
    """A vocabulary of pieces of words in a file; `learn_vocabulary` makes one.

    Attributes:
      path: BERT's `vocab.txt` (a piece a line, continuations after "##") or a `tokenizer.json`.
      lowercase: whether text is lower-cased and accents are removed; a `tokenizer.json` has its own
        setting.
      special: whether [CLS] begins and [SEP] ends each text, as BERT's encoders are trained; a text
        that is cut keeps both.
    """

    path: str = "vocab.txt"
    lowercase: bool = True
    special: bool = field(default=False, metadata={"later": True})

    kind = "wordpiece"
    ends = ENDS

    def read(self) -> Pieces:
        """Reads the file.

        Raises:
          UserError: the library or the file is missing, the file is of another form, or it lacks
            [CLS] or [SEP] and `special` asks for them.
        """
        library, file = tokenizers_library(), Path(self.path).expanduser()
        text = read_text(file)
        if file.suffix == ".json":
            tokenizer = from_json(text, file)
            numbers = tokenizer.get_vocab()
        else:
            numbers = _numbers(text, file)
            tokenizer = _tokenizer(library, numbers, self.lowercase)
        return Pieces(tokenizer, ends_of(numbers, ENDS, file) if self.special else None)


def _numbers(text: str, file: Path) -> dict[str, int]:
    """The pieces of a `vocab.txt` by name."""
    names = text.removesuffix("\n").replace("\r", "").split("\n")
    if UNKNOWN not in names or len(set(names)) != len(names):
        raise UserError(
            f"{file} is not a vocab.txt: it needs {UNKNOWN}, and each piece once on a line of its "
            "own"
        )
    return {name: number for number, name in enumerate(names)}


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

    @property
    def ends(self) -> bool:
        """Whether a text ends in a piece of its own, which stays where the text is cut."""
        return self.pieces.special

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
    library, file = tokenizers_library(), Path(path).expanduser()
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
