"""An encoder with its weights and preprocessing, from a run or from a file of weights."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from chex import ArrayTree

from jssl.augmentations.compose import Pipeline
from jssl.augmentations.recipes import evaluation
from jssl.core.state import paths
from jssl.data.source import Splits, entry
from jssl.data.tokenizers import Tokenizer
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.methods.base import Method
from jssl.nn import module as nn
from jssl.plan.planning import data_facts
from jssl.runs.options import Options
from jssl.runs.restoring import restore
from jssl.runs.run import Run, reopen
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import build
from jssl.training.sharding import make_mesh
from jssl.weights import load as load_weights


@dataclasses.dataclass(frozen=True)
class Encoder:
    """An encoder that is called on raw examples.

    Attributes:
      module: the encoder's module.
      variables: its parameters and statistics, NumPy arrays.
      apply: (variables, preprocessed batch) -> `Features`, in evaluation mode.
      pipeline: preprocessing of one example; its `field` is the entry of an example that is read.
      example: entries of one example, name -> shape and dtype; of weights, that of an input.
      source: what the weights are from, for people: a run's folder or a file.
      facts: what is known of them: "step", "experiment", "seed" of a run; of weights
        that read pieces of words, "tokenizer" (its kind) and "special" (the pieces that begin and
        end a text).
      whole: whether the features depend on more than the module and its variables, so that these
        alone do not give them.
      tokenizer: of a run whose texts are pieces of words, and None otherwise.
    """

    module: nn.Module
    variables: ArrayTree
    apply: Callable[[ArrayTree, Any], Features] = dataclasses.field(repr=False)
    pipeline: Pipeline
    example: Mapping[str, jax.ShapeDtypeStruct]
    source: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    whole: bool = True
    tokenizer: Tokenizer | None = None

    def __call__(self, x: Any) -> Features:
        """Features of a batch.

        Args:
          x: [B, ...], as the data holds it (images: uint8 [B, H, W, C]); of fields with parts, a
            dict of such arrays. The run's preprocessing is applied.

        Returns:
          `Features`: `pooled` float32 [B, D], `tokens` [B, N, D'] or None, and `extras`.
        """
        return self._compiled(self.variables, x)

    @functools.cached_property
    def _compiled(self) -> Callable[[ArrayTree, Any], Features]:
        return jax.jit(self.encode)

    def encode(self, variables: ArrayTree, x: Any) -> Features:
        """`__call__` as a pure function of the variables."""
        return self.apply(variables, self.preprocess(x))

    def preprocess(self, x: Any) -> Any:
        """What the module receives for a raw batch [B, ...]."""
        field = self.pipeline.field
        return jax.vmap(lambda one: self.pipeline(None, {field: one}))(x)

    @functools.cached_property
    def input(self) -> Any:
        """Shape and dtype of one preprocessed input, without the batch axis."""
        raw = entry(self.example, self.pipeline.field)
        return jax.eval_shape(lambda one: self.pipeline(None, {self.pipeline.field: one}), raw)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the variables: names, dtypes, shapes and bytes; 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for name, leaf in sorted(paths(self.variables).items()):
            array = np.asarray(leaf)
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return digest.hexdigest()


def load_encoder(
    what: Run | str | Path, *, trust: bool = False, accept_changes: bool = False
) -> Encoder:
    """The encoder of a run, or of a file of weights, as a function of raw examples.

    Args:
      what: a run or its folder (its newest checkpoint is used), a folder of weights that
        `jssl import` or `jssl export` wrote, or a file of public weights.
      trust: whether a Python file that the run's folder names may be executed.
      accept_changes: whether to go on with other data or code than the run's.

    Returns:
      The encoder: `jssl.load_encoder("runs/x")(images).pooled` is float32 [B, D].

    Raises:
      UserError: there is no run and there are no weights, or they are damaged.
    """
    return open_encoder(what, trust=trust, accept_changes=accept_changes, log=lambda line: None)[0]


def open_encoder(
    what: Run | str | Path,
    *,
    trust: bool = False,
    accept_changes: bool = False,
    log: Callable[[str], None] = print,
) -> tuple[Encoder, Run | None, Splits | None]:
    """`load_encoder`, with the run and its data where there are such."""
    if isinstance(what, Run):
        return _of_run(what, log)
    path = Path(what)
    if (path / "run.json").exists():
        run = reopen(path, trust=trust, accept_changes=accept_changes, log=log)
        return _of_run(run, log)
    if not path.exists():
        raise UserError(f"there is no run and there are no weights at {path}")
    return _of_weights(path), None, None


def _of_run(run: Run, log: Callable[[str], None]) -> tuple[Encoder, Run, Splits | None]:
    method = run.experiment.method
    splits: Splits | None = None
    try:
        example = run.experiment.data.load().train[0]
    except UserError as error:
        missing, example = error, None
    if example is not None:
        program, state, splits = restore(run, Options(devices=1), log=log)
    else:  # the shapes of the state are needed, and those of well-known data are known
        try:
            example, length = data_facts(run.experiment)
        except UserError:
            raise missing from None
        program = build(run.experiment, example, length, make_mesh(1))
        checkpoints = Checkpoints(run.checkpoints)
        try:
            state, _ = checkpoints.restore(program.abstract_state)
        finally:
            checkpoints.close()
        if state is None:
            raise UserError(f"{run.folder} has no checkpoint yet: train it first")
    step = program.at(state)
    whole = type(method).encode is Method.encode
    if whole:
        params, stats = method.encoder_state(step)
        variables = {"params": params, **stats}
        apply = functools.partial(_applied, run.experiment.encoder)
    else:
        variables = {"params": state.params, "stats": state.batch_stats, "memory": state.memory}

        def apply(variables: ArrayTree, x: Any) -> Features:
            parts = (variables["params"], variables["stats"], variables["memory"])
            now = state.replace(params=parts[0], batch_stats=parts[1], memory=parts[2])
            return method.encode(program.at(now), x)

    specs = {name: _spec(value) for name, value in example.items()}
    facts = {
        "experiment": run.experiment.name,
        "run": run.fingerprint,
        "seed": run.seed,
        "step": int(state.step),
    }
    encoder = Encoder(
        run.experiment.encoder,
        jax.device_get(variables),
        apply,
        run.experiment.preprocess,
        specs,
        str(run.folder),
        facts,
        whole,
        getattr(run.experiment.data, "pieces", None),
    )
    return encoder, run, splits


def _of_weights(path: Path) -> Encoder:
    module, variables, about = load_weights(path)
    kind, apply = about.get("kind", "image"), functools.partial(_applied, module)
    if kind == "text":
        example = {"text": jax.ShapeDtypeStruct((module.max_length,), np.int32)}
        facts = {key: about[key] for key in ("tokenizer", "special") if key in about}
        pipeline = Pipeline((), field="text")
        return Encoder(module, variables, apply, pipeline, example, str(path), facts)
    if kind != "image":
        raise UserError(
            f"{path} holds an encoder of {kind}, and only images and texts can be read without a "
            "run's preprocessing: start a run from it (--init-from) and embed with that"
        )
    size, resize = about.get("size"), about.get("resize")
    stats = (tuple(about["mean"]), tuple(about["std"])) if "mean" in about else None
    share = size / resize if size and resize else 1.0
    channels = len(stats[0]) if stats else 3
    example = {"image": jax.ShapeDtypeStruct((size or 224, size or 224, channels), np.uint8)}
    pipeline = evaluation(stats, size=size, share=share)
    return Encoder(module, variables, apply, pipeline, example, str(path))


def _applied(module: nn.Module, variables: ArrayTree, x: Any) -> Features:
    return module.apply(variables, x, train=False)


def _spec(value: Any) -> jax.ShapeDtypeStruct:
    array = np.asarray(value)
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
