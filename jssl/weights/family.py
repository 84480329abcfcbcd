"""What a family of public weights is: layouts of names, and the encoder that they belong to."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.weights.names import Rule

CONTAINERS = (
    "",
    "state_dict_ema",
    "model_ema",
    "state_dict",
    "model",
    "teacher",
    "model_state_dict",
    "classy_state_dict.base_model.model.trunk",
    "base_model",
)
"""Where the state dict of an encoder lies within a file, the first that is there."""

IMAGENET = {
    "kind": "image",
    "size": 224,
    "resize": 256,
    "interpolation": "bicubic",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
"""Shorter side to `resize`, the central `size` pixels, values in [0, 1], minus mean, over std."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """The names and shapes of a file's tensors, prefixes removed.

    Attributes:
      shapes: by name.
      config: the `config.json` beside the file, or {}.
      where: the file, for messages.
      read: the array of a name.
      settings: assignments of the user's to fields of the encoder.
    """

    shapes: Mapping[str, tuple[int, ...]]
    config: Mapping[str, Any]
    where: str
    read: Callable[[str], np.ndarray]
    settings: Sequence[str] = ()

    def has(self, pattern: str) -> bool:
        """Whether a name matches a regular expression wholly."""
        return any(re.fullmatch(pattern, name) for name in self.shapes)

    def shape(self, *names: str) -> tuple[int, ...]:
        """The shape of the first of these names that is there.

        Raises:
          UserError: none of them is.
        """
        for name in names:
            if name in self.shapes:
                return self.shapes[name]
        raise UserError(f"{self.where} has no {names[0]}, from which the encoder's size is read")

    def count(self, pattern: str) -> int:
        """One more than the largest number that a pattern with one group finds; 0 for none."""
        matches = (re.fullmatch(pattern, name) for name in self.shapes)
        return 1 + max((int(m.group(1)) for m in matches if m), default=-1)


@dataclasses.dataclass(frozen=True)
class Built:
    """The encoder that a file belongs to.

    Attributes:
      encoder: the module.
      sample: shape and dtype of an input on which its parameters have the shapes of the file.
      facts: numbers that operations look at.
      preprocessing: entries that differ from the family's.
    """

    encoder: nn.Module
    sample: tuple[tuple[int, ...], str]
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    preprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One way in which a family's tensors are named.

    Attributes:
      name: whose names these are.
      marks: regular expressions, each of which some name must match.
      rules: of the names; see `jssl.weights.names`.
      drop: regular expressions of names that are left out, such as classifiers.
    """

    name: str
    marks: tuple[str, ...]
    rules: tuple[Rule, ...]
    drop: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Family:
    """Public weights of one origin.

    Attributes:
      name: as `--as` takes it.
      about: what they are, and where they are from.
      layouts: the known ways of naming.
      build: makes the encoder from names and shapes.
      containers: where the state dict lies within a file, in order of preference.
      parts: prefixes of the encoder's names within the state dict; where one is there, the other
        names are left out.
      preprocessing: what inputs the encoder was trained on.
    """

    name: str
    about: str
    layouts: tuple[Layout, ...]
    build: Callable[[Keys], Built]
    containers: tuple[str, ...] = CONTAINERS
    parts: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def marked(layouts: Sequence[Layout], keys: Iterable[str]) -> Layout | None:
    """The first layout of which every mark is there."""
    names = list(keys)
    for layout in layouts:
        if all(any(re.fullmatch(mark, name) for name in names) for mark in layout.marks):
            return layout
    return None


def replaced(family: Family, **changes: Any) -> Family:
    """A family like another."""
    return dataclasses.replace(family, **changes)
