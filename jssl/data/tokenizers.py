"""Which tokenizer a file is, or which one lies in a folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jssl.data import clip_bpe, wordpiece
from jssl.data.clip_bpe import ClipBPE
from jssl.data.files import open_regular
from jssl.data.text_files import read_text
from jssl.data.wordpiece import WordPiece
from jssl.errors import Unwritable, UserError

Tokenizer = WordPiece | ClipBPE

OPENAI = "bpe_simple_vocab_16e6.txt.gz"
SETTINGS = "tokenizer_config.json"
NAMES = ("vocab.txt", "vocab.json", OPENAI, "tokenizer.json")
"""Files that a tokenizer is read from, in the order of preference."""
FILES = (*NAMES, clip_bpe.MERGES_FILE, SETTINGS)
"""All files of tokenizers."""


def tokenizer_in(folder: Path) -> Tokenizer | None:
    """The tokenizer whose files lie in a folder; None where there are none."""
    for name in NAMES:
        if (folder / name).is_file():
            return tokenizer_at(folder / name)
    return None


def tokenizer_at(path: str | Path) -> Tokenizer:
    """The tokenizer of a file or a folder.

    Texts are enclosed by [CLS] and [SEP] where the vocabulary has both, as the models of such
    vocabularies expect. Text is lower-cased as `tokenizer_config.json` beside a `vocab.txt` says,
    or where no piece has a capital letter.

    Args:
      path: BERT's `vocab.txt`, CLIP's `vocab.json` (with `merges.txt`) or
        `bpe_simple_vocab_16e6.txt.gz`, a `tokenizer.json`, or a folder with one of them.

    Returns:
      The tokenizer, its path absolute.

    Raises:
      UserError: there is no such file, or it is no tokenizer.
    """
    path = Path(path).expanduser().resolve()
    if path.is_dir():
        found = tokenizer_in(path)
        if found is None:
            raise UserError(f"{path} has no file of a tokenizer ({', '.join(NAMES)})")
        return found
    if path.name == clip_bpe.MERGES_FILE:
        return tokenizer_at(path.with_name("vocab.json"))
    if path.suffix == ".gz":
        return ClipBPE(str(path))
    text = read_text(path)
    if path.suffix != ".json":
        names = set(text.replace("\r", "").split("\n"))
        special = set(wordpiece.ENDS) <= names
        return WordPiece(str(path), _lower(path, names), special)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON ({error})") from None
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        return ClipBPE(str(path))
    names = model.get("vocab")
    if isinstance(names, dict) and set(clip_bpe.ENDS) <= set(names):
        return ClipBPE(str(path))
    if not isinstance(names, dict) or wordpiece.UNKNOWN not in names:
        raise UserError(
            f"{path} is the tokenizer of another kind of model ({model.get('type', 'unnamed')}): "
            "BERT's WordPiece and CLIP's byte pairs are known"
        )
    return WordPiece(str(path), special=set(wordpiece.ENDS) <= set(names))


def _lower(path: Path, names: set[str]) -> bool:
    """Whether the models of a `vocab.txt` see lower-cased text."""
    beside = path.with_name(SETTINGS)
    try:
        stated = json.loads(read_text(beside)).get("do_lower_case") if beside.is_file() else None
    except (ValueError, RecursionError, AttributeError):
        raise UserError(f"{beside} is no JSON object") from None
    if isinstance(stated, bool):
        return stated
    return not any(name != name.lower() for name in names if name[:1] != "[")


def copy_files(source: Path, target: Path) -> list[str]:
    """Copies the files of tokenizers of one folder into another.

    Returns:
      Their names.

    Raises:
      UserError: one cannot be read or written.
    """
    names = [name for name in FILES if source != target and (source / name).is_file()]
    for name in names:
        with open_regular(source / name) as stream:
            content = stream.read()
        try:
            (target / name).write_bytes(content)
        except OSError as error:
            raise Unwritable(target / name, error) from error
    return names


def to_record(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer as JSON values."""
    return {"kind": tokenizer.kind, **dataclasses.asdict(tokenizer)}


def from_record(record: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of `to_record`.

    Raises:
      UserError: it is none of this version.
    """
    values = dict(record)
    kind = {one.kind: one for one in (WordPiece, ClipBPE)}.get(str(values.pop("kind", None)))
    known = {} if kind is None else {f.name: type(f.default) for f in dataclasses.fields(kind)}
    if not all(type(value) is known.get(key) for key, value in values.items()) or kind is None:
        raise UserError(f"no tokenizer of this version is described by {str(dict(record))[:200]}")
    return kind(**values)
