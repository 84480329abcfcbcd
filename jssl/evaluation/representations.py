"""The representations under evaluation: features of one data set, computed lazily and cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import jax
import numpy as np
from jax.sharding import Mesh

from jssl.augmentations.compose import Pipeline, Views
from jssl.core.state import TrainState
from jssl.data.source import ArraySource, Source, Splits, SubsetSource, entry
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.evaluation.arrays import FeatureSplits, Labelled, labelled, same_labels
from jssl.evaluation.features import extract_arrays, raw_features
from jssl.nn.module import ParamShapeError
from jssl.runs.run import Run
from jssl.training import sharding
from jssl.training.program import Program

PARTS = FeatureSplits._fields
BATCH = 256

Select = Callable[[Features], Mapping[str, jax.Array]]


def pooled(features: Features) -> dict[str, jax.Array]:
    """The pooled features, the input of most evaluators."""
    return {"pooled": features.pooled}


@dataclass(frozen=True)
class Row:
    """One representation: a program and the state of its encoder; both None for the raw input."""

    program: Program | None
    state: TrainState | None = None


@dataclass(frozen=True)
class Representations:
    """The representations of a data set, by name.

    Attributes:
      rows: the representations, including "untrained" and one whose name starts with "raw".
      splits: the data.
      program: program of the evaluated run; its preprocessing and mesh are used for all rows. None
        for features that are given (`of_features`).
      run: the run, for protocols that continue training; None if there is no run folder.
    """

    rows: dict[str, Row]
    splits: Splits | None
    program: Program | None
    run: Run | None = None
    _known: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def mesh(self) -> Mesh | None:
        """Mesh of evaluators that can use one; None for one device or several processes.

        In several processes all of them encode, but only the first one evaluates.
        """
        if self.program is None or jax.process_count() > 1:
            return None
        return self.program.mesh if self.program.mesh.size > 1 else None

    def source(self, part: str) -> Source:
        """A split by its name: "train", "validation" or "test"."""
        return getattr(self.splits, part)

    def labelled(self, row: str, part: str) -> Labelled:
        """Pooled features and labels of a split; cached.

        Raises:
          UserError: the data has no labels, or features are not finite.
        """
        key = row, part
        if key not in self._known:
            arrays, known = self.arrays(row, part, pooled)
            self._known[key] = labelled(arrays["pooled"], known, f"the {part} split of {row!r}")
        return self._known[key]

    def features(self, row: str) -> FeatureSplits:
        """Pooled features and labels of all splits."""
        return FeatureSplits(*(self.labelled(row, part) for part in PARTS))

    @classmethod
    def of_features(cls, rows: Mapping[str, FeatureSplits], splits: Splits | None = None) -> Self:
        """Representations whose pooled features are given, for evaluators that need no more.

        Args:
          rows: for each representation train, validation and test, each features [N, D] and labels
            [N]; all must have the same labels.
          splits: the data, for protocols that read them.

        Raises:
          UserError: invalid arrays, or labels that differ.
        """
        known = {
            name: FeatureSplits(
                *(
                    labelled(*split, f"the {part} split of {name!r}")
                    for part, split in zip(PARTS, row, strict=True)
                )
            )
            for name, row in rows.items()
        }
        same_labels(known)
        found = cls({name: Row(None) for name in rows}, splits, None)
        found._known.update(
            {(name, part): getattr(row, part) for name, row in known.items() for part in PARTS}
        )
        return found

    def arrays(
        self, row: str, part: str | Source, select: Select, *, limit: int | None = None
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Selected arrays of the encoder's output for a split.

        Args:
          row: name of the representation. For the raw input only "pooled" is returned.
          part: name of a split, or a source.
          select: maps the encoder's `Features` to arrays [B, ...].
          limit: largest number of examples, taken from the start of the split; None for all.

        Returns:
          Name -> float32 [N, ...], and labels int [N] (zeros if the data has none).

        Raises:
          UserError: the split is empty.
        """
        source = self.source(part) if isinstance(part, str) else part
        if limit is not None and limit < len(source):
            source = SubsetSource(source, np.arange(limit))
        if not len(source):
            raise UserError("there is nothing to encode: the split is empty")
        known = "label" if "label" in source[0] else None
        program, state = self.rows[row].program, self.rows[row].state
        pipeline = self.program.experiment.preprocess
        if program is None:
            x, y = raw_features(source, field=pipeline.field, label=known)
            return {"pooled": x}, y
        single = jax.vmap(lambda x: pipeline(None, {pipeline.field: x}))
        view = self._memo("preprocess", lambda: jax.jit(single))
        return extract_arrays(
            self._encoder(row, program, state, select),
            source,
            batch_size=self._batch(program),
            preprocess=lambda batch: jax.device_get(view(entry(batch, pipeline.field))),
            sharding=sharding.batch_sharding(program.mesh),
            label=known,
        )

    def encode(self, row: str, x: np.ndarray) -> np.ndarray:
        """Pooled features of preprocessed inputs: [N, ...] -> float32 [N, D].

        The raw input's features are the flattened inputs.
        """
        program, state = self.rows[row].program, self.rows[row].state
        if program is None:
            return np.asarray(x, np.float32).reshape(len(x), -1)
        arrays, _ = extract_arrays(
            self._encoder(row, program, state, pooled),
            Inputs(x),
            batch_size=self._batch(program),
            preprocess=lambda batch: batch["x"],
            sharding=sharding.batch_sharding(program.mesh),
            label=None,
        )
        return arrays["pooled"]

    def images(self, row: str, images: np.ndarray) -> np.ndarray:
        """Pooled features of images before preprocessing: uint8 [N, ...] -> float32 [N, D]."""
        field = self.program.experiment.preprocess.field
        return self.arrays(row, ArraySource({field: images}), pooled)[0]["pooled"]

    def views(self, row: str, part: str, *, examples: int, draws: int, seed: int = 0) -> np.ndarray:
        """Features of augmented views: float32 [N, Q, D].

        Args:
          row: name of the representation.
          part: name of a split.
          examples: N, taken from the start of the split.
          draws: Q, views per example.
          seed: seed of the augmentation; all representations see the same views.

        Returns:
          Features of the first view of the run's own recipe.

        Raises:
          UserError: the experiment has no view that fits its encoder.
        """
        key = "augmented", part, examples, draws, seed
        x = self._memo(key, lambda: self._augmented(part, examples, draws, seed))
        flat = self.encode(row, x.reshape(-1, *x.shape[2:]))
        return flat.reshape(*x.shape[:2], -1)

    def _augmented(self, part: str, examples: int, draws: int, seed: int) -> np.ndarray:
        source = self.source(part)
        examples = min(examples, len(source))
        views = Views(view=first_view(self.program.experiment.views))
        make = jax.jit(lambda key, batch: views(key, batch)["view"])
        made = []
        for start in range(0, examples, BATCH):
            index = np.arange(start, min(start + BATCH, examples))
            batch = {**source[index], "index": index.astype(np.int32)}
            keys = [jax.random.fold_in(jax.random.key(seed), draw) for draw in range(draws)]
            made.append(np.stack([np.asarray(make(key, batch)) for key in keys], axis=1))
        return np.concatenate(made)

    def _encoder(
        self, row: str, program: Program, state: TrainState, select: Select
    ) -> Callable[[jax.Array], Mapping[str, jax.Array]]:
        # Selected inside the program, so that XLA eliminates unused outputs.
        def build() -> Any:
            method = program.experiment.method

            def encode(state: TrainState, x: jax.Array) -> dict[str, jax.Array]:
                return dict(select(method.encode(program.at(state), x)))

            return jax.jit(encode, in_shardings=(program.state_shardings, None))

        def whole(state: TrainState, x: jax.Array) -> dict[str, jax.Array]:
            return {"pooled": program.encode(state, x)}

        # The program's own function is also what the run's page calls: compiled once for both.
        run = whole if select is pooled else self._memo(("encoder", id(program), select), build)

        def call(x: jax.Array) -> Mapping[str, jax.Array]:
            try:
                return run(state, x)
            except ParamShapeError as error:
                raise UserError(
                    f"inputs of shape {list(x.shape[1:])} do not fit the encoder of {row!r}: probe "
                    "it on data of the size and channels it was trained on"
                ) from error

        return call

    def _batch(self, program: Program) -> int:
        size = min(program.experiment.batch_size, BATCH)
        return -(-size // program.mesh.size) * program.mesh.size

    def _memo(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


class Inputs:
    """A source with a single key "x", from an array [N, ...]."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> dict[str, np.ndarray]:
        return {"x": self.x[index]}


def first_view(views: Views) -> Any:
    """The first entry of an experiment's views that is a single augmented input.

    Raises:
      UserError: every entry is a mask, a field or a stack of several inputs.
    """
    for _, view in views.entries:
        inner = getattr(view, "entry", view)
        if isinstance(inner, Pipeline):
            return inner
    raise UserError("this experiment has no view that shows a whole augmented input")


Subject = Representations  # its former name, which protocols of users import
