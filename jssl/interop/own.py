"""A user's files as an encoder takes them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.source import Source, Splits, SubsetSource, entry
from jssl.errors import UserError
from jssl.interop.encoder import Encoder
from jssl.own import OwnOptions, recognise
from jssl.own.adapt import modality_of
from jssl.runs.run import Run, read_record
from jssl.weights.tokenizing import check, tokenizer_of


def own_data(
    path: Path,
    encoder: Encoder,
    run: Run | None,
    *,
    whole: bool = True,
    tokenizer: str | None = None,
) -> Splits:
    """Opens a file or folder for an encoder.

    Images are brought to the size and channels of the encoder's, and texts are cut into the pieces
    of its tokenizer. For a run that was itself trained on a user's data, what was measured then
    (such as the range of 16-bit images) is used again.

    Args:
      path: of the data.
      encoder: the encoder.
      run: that it is from; None for weights.
      whole: whether all examples are put into the training split, in the order of the files;
        otherwise the splits are those that a run would have.
      tokenizer: file or folder of the tokenizer of an encoder of texts from weights; None for the
        one beside them.

    Raises:
      UserError: the path is nothing that is recognised, or of another modality, or the encoder
        reads pieces of words and there is no tokenizer that fits.
    """
    modality = encoder.pipeline.field if run is None else modality_of(run.experiment)
    reads = encoder.facts.get("tokenizer")
    if tokenizer is not None and (run is not None or reads is None):
        raise UserError(
            "--tokenizer is for weights that read pieces of words, and "
            f"{encoder.source} {'is a run, which has its own' if run else 'does not'}"
        )
    if reads is not None:
        found = tokenizer_of(encoder.facts, encoder.module, Path(encoder.source), tokenizer)
        encoder = dataclasses.replace(encoder, tokenizer=found)
    options = OwnOptions(**_as_encoder(encoder, modality, run))
    found = recognise(path, options, prefer=modality)
    if found.modality != modality:
        raise UserError(
            f"{path} holds {found.line}, and the encoder of {encoder.source} takes another "
            f"modality ({modality})"
        )
    splits = found.data.load()
    return _whole(splits) if whole else splits


def check_symbols(encoder: Encoder, data: Any, name: str) -> None:
    """Refuses the data of an experiment whose symbols are not those of the weights of an encoder.

    Raises:
      UserError: the encoder reads pieces of words, and the data are bytes or other pieces.
    """
    if "tokenizer" not in encoder.facts:
        return
    pieces = getattr(data, "pieces", None)
    if pieces is None:
        raise UserError(
            f"{encoder.source} reads pieces of words, and the texts of {name} are no such: name a "
            "file or folder of texts"
        )
    check(pieces, encoder.facts, encoder.module, encoder.source)


def _as_encoder(encoder: Encoder, modality: str, run: Run | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if modality == "image":
        height, _, channels = entry(encoder.example, encoder.pipeline.field).shape
        options = {"size": int(height), "channels": str(channels)}
    if modality == "text" and encoder.tokenizer is not None:
        options = {"pieces": encoder.tokenizer, "longest": encoder.module.max_length}
        if run is not None:
            options = {"pieces": encoder.tokenizer, "length": run.experiment.data.length}
    own = None if run is None else read_record(run.folder).get("own")
    if own is not None:
        options |= {"known": own["facts"], "form": own["form"]}
    return options


def _whole(splits: Splits) -> Splits:
    parts = [part for part in (splits.train, splits.validation, splits.test) if len(part)]
    nothing = SubsetSource(splits.train, [])
    return Splits(_joined(parts), nothing, nothing, splits.name, splits.classes)


def _joined(parts: list[Source]) -> Source:
    """Several sources as one; parts of one source in its order."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, SubsetSource) for part in parts):
        base = parts[0].source
        if all(part.source is base for part in parts):
            return SubsetSource(base, np.sort(np.concatenate([part.indices for part in parts])))
    return Joined(parts)


class Joined:
    """Sources one after the other.

    Args:
      parts: sources with the same fields.
    """

    def __init__(self, parts: list[Source]) -> None:
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])
        lists = [getattr(part, "files", None) for part in parts]
        if all(files is not None for files in lists):
            self.files = np.concatenate(lists)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: Any) -> Any:
        if np.ndim(index) == 0:
            part = int(np.searchsorted(self.ends, index, side="right"))
            return self.parts[part][int(index) - (self.ends[part - 1] if part else 0)]
        rows = [self[int(i)] for i in index]
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}
