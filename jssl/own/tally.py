"""The line of a data spec that has been loaded."""

from __future__ import annotations

from typing import Any

from jssl.data.source import Splits
from jssl.data.splitting import PARTS
from jssl.own.form import Found, counted


def tallied(
    modality: str,
    what: str,
    data: Any,
    splits: Splits,
    *,
    details: str,
    facts: dict[str, Any],
    notes: tuple[str, ...] = (),
    source: str = "",
) -> Found:
    """What a form has found; `form` and `path` are filled in by `recognise`.

    Args:
      modality: of the form.
      what: the examples, in the plural.
      data: the data spec.
      splits: what it loads.
      details: what else is said of the examples.
      facts: what was measured.
      notes: further sentences.
      source: where labels are from, in words.
    """
    sizes = {part: len(getattr(splits, part)) for part in PARTS}
    line = counted(
        *(sum(sizes.values()), what),
        details=details,
        classes=splits.classes,
        tags=splits.tags,
        held=sizes,
    )
    if source and (splits.classes or splits.tags):
        line += f" ({source})"
    return Found(
        *(modality, "", "", data, line, facts, splits.classes, sizes["train"]),
        notes=notes,
        tags=splits.tags,
    )
