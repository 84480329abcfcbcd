"""The tokenizer that weights of a text encoder were trained with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jssl.data.tokenizers import NAMES, Tokenizer, tokenizer_at, tokenizer_in
from jssl.data.wordpiece import WordPiece
from jssl.errors import UserError
from jssl.nn import module as nn

_FILLED = 128  # vectors without a piece, as vocabularies are filled up to round numbers


def beside(path: Path) -> Tokenizer | None:
    """The tokenizer whose files lie beside weights, a file or a folder."""
    return tokenizer_in(path if path.is_dir() else path.parent)


def tokenizer_of(
    about: Mapping[str, Any], encoder: nn.Module, path: Path, named: str | None = None
) -> Tokenizer:
    """The tokenizer of weights that read pieces of words.

    Args:
      about: "tokenizer", its kind, and perhaps "special", the pieces that begin and end a text; see
        `jssl.weights.Weights.preprocessing`.
      encoder: of the weights.
      path: of the weights.
      named: file or folder of the tokenizer; None for the one beside the weights.

    Raises:
      UserError: there is none, it is of another kind, or of another size than the weights.
    """
    found = beside(path) if named is None else tokenizer_at(named)
    if found is None:
        raise UserError(
            f"{path} reads pieces of words and has no tokenizer beside it: put the model's own "
            f"there ({', '.join(NAMES)}), or name it with --tokenizer"
        )
    if isinstance(found, WordPiece):
        found = dataclasses.replace(found, special="special" in about)
    check(found, about, encoder, path)
    return found


def check(found: Tokenizer, about: Mapping[str, Any], encoder: nn.Module, path: Path | str) -> None:
    """Refuses a tokenizer of another kind or size than that of weights; see `tokenizer_of`.

    Raises:
      UserError: it is such.
    """
    if found.kind != about["tokenizer"]:
        raise UserError(
            f"{found.path} is a tokenizer of the kind {found.kind}, and {path} was trained with "
            f"one of the kind {about['tokenizer']}"
        )
    own, wanted = found.read().vocabulary - 1, encoder.vocabulary - 1
    if not 0 <= wanted - own < _FILLED:
        raise UserError(
            f"{found.path} has {own} pieces and {path} has vectors for {wanted}: take the "
            "tokenizer of that model"
        )


def read_as_pieces(data: Any, about: Mapping[str, Any], path: Path, name: str) -> tuple[str, ...]:
    """Overrides with which an experiment's texts are cut into the pieces of some weights.

    Args:
      data: of the experiment.
      about: see `tokenizer_of`.
      path: of the weights.
      name: of the experiment, for messages.

    Returns:
      Assignments to `data.pieces`; to its path only where a tokenizer lies beside the weights.

    Raises:
      UserError: the experiment's texts are read as bytes, or as pieces of another kind.
    """
    kind = about["tokenizer"]
    if getattr(getattr(data, "pieces", None), "kind", None) != kind:
        raise UserError(
            f"{path} reads pieces of words ({kind}) and {name} does not: train on texts of yours "
            "(--data FILE --tokenizer FILE)"
        )
    changed = (f"data.pieces.special={'special' in about}",)
    found = beside(path)
    if isinstance(found, WordPiece):
        fields = (("path", found.path), ("lowercase", found.lowercase))
        changed += tuple(f"data.pieces.{field}={value!r}" for field, value in fields)
    return changed
