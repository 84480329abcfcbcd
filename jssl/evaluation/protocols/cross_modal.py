"""Image-text protocols: cross-modal retrieval and zero-shot classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import chex
import jax
import numpy as np

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Count, Widths
from jssl.data.source import ArraySource, Source, entry, read_all
from jssl.data.text import to_tokens
from jssl.errors import UserError
from jssl.evaluation.cross_modal import cross_retrieval, zero_shot
from jssl.evaluation.features import extract_arrays
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import BATCH, Representations


def embed(
    subject: Representations, row: str, view: str, source: Source, preprocess: Any
) -> np.ndarray:
    """Embeds inputs of one modality in the shared space: float32 [N, D].

    Raises:
      UserError: the method has no shared embedding space.
    """
    program, state = subject.rows[row].program, subject.rows[row].state
    towers = program.experiment.method.towers(program.at(state))
    if view not in towers:
        kind = type(program.experiment.method).__name__
        raise UserError(f"{kind} does not embed two kinds of inputs in one space, as CLIP does")
    run = jax.jit(lambda x: {"z": towers[view](x)})
    size = min(BATCH, len(source))
    found, _ = extract_arrays(run, source, batch_size=size, preprocess=preprocess, label=None)
    return found["z"]


def images(subject: Representations, row: str, source: Source) -> np.ndarray:
    """Embeddings of the first modality, the input of the experiment's encoder: float32 [N, D]."""
    pipeline = subject.program.experiment.preprocess
    view = jax.jit(jax.vmap(lambda x: pipeline(None, {pipeline.field: x})))
    return embed(subject, row, "a", source, lambda batch: view(entry(batch, pipeline.field)))


def texts(subject: Representations, row: str, tokens: np.ndarray) -> np.ndarray:
    """Embeddings of the second modality, given as token ids int [M, L]: float32 [M, D]."""
    chex.assert_rank(tokens, 2)
    return embed(subject, row, "b", ArraySource({"x": tokens}), lambda batch: batch["x"])


@dataclass(frozen=True)
class CrossRetrieval(Evaluation):
    """Recall@k of image-to-text and text-to-image retrieval on the test split.

    Attributes:
      field: key of the captions in an example, int [K, L]; missing captions are rows of zeros.
      ks: cut-offs of recall@k.
    """

    field: str = "captions"
    ks: Widths = (1, 5, 10)

    about: ClassVar[str] = "cross-modal retrieval: recall@k in both directions"
    source: ClassVar[str] = "Karpathy & Fei-Fei 2015"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        test = subject.splits.test
        if self.field not in test[0]:
            raise UserError(f"retrieval needs examples with {self.field!r}, such as COCO's")
        captions = read_all(test)[self.field]
        owner, place = np.nonzero(captions.any(axis=-1))
        a, b = images(subject, row, test), texts(subject, row, captions[owner, place])
        ks = tuple(k for k in self.ks if k <= len(a))
        return Measured({k: Score(v) for k, v in cross_retrieval(a, b, owner, ks=ks).items()})

    def notes(self) -> tuple[str, ...]:
        return ("a: inputs of the encoder; b: all their captions. Evaluated on the test split.",)


@dataclass(frozen=True)
class ZeroShot(Evaluation):
    """Zero-shot accuracy: predicts the class whose prompts are nearest; no label is used.

    Attributes:
      templates: prompt templates; `{}` is replaced by the class name, its underscores by spaces.
      length: length of a prompt in bytes, equal to that of the captions.
    """

    templates: tuple[str, ...] = ("a {}", "a photo of a {}")
    length: Count = 64

    about: ClassVar[str] = "zero-shot classification by the nearest class prompt"
    source: ClassVar[str] = "Radford et al. 2021"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        names = [name.replace("_", " ") for name in subject.splits.classes]
        written = [template.format(name) for name in names for template in self.templates]
        prompts = texts(subject, row, to_tokens(written, self.length))
        test = subject.splits.test
        found = zero_shot(
            images(subject, row, test),
            prompts.reshape(len(names), len(self.templates), -1),
            read_all(test)["label"],
        )
        return Measured({"zero-shot": Score(found, binomial_interval(found, len(test)))})

    def notes(self) -> tuple[str, ...]:
        return (f"Prompts: {', '.join(self.templates)}.",)


PROTOCOLS = {"cross_retrieval": CrossRetrieval(), "zero_shot": ZeroShot()}
