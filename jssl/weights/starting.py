"""Initialising an experiment's net from weights: which settings it takes over, and which arrays."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.core.state import paths
from jssl.data.files import open_regular
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.positions import interpolate
from jssl.weights.files import SUFFIXES
from jssl.weights.folder import TENSORS, encoder_settings, is_weights, read_weights
from jssl.weights.importing import Weights, import_weights
from jssl.weights.names import closest

Log = Callable[[str], None]

# What a run chooses and weights do not have.
_OF_THE_RUN = {
    *("dtype", "scan", "remat", "implementation", "capture", "kernel_init", "drop_path", "dropout"),
    *("lora", "token_std", "mask_std", "zero_init_residual", "variant", "order"),
}
_OWN = ("mask_token", "position_token", "lora_a", "lora_b")  # parameters of the training alone


def holds_weights(path: str | Path) -> bool:
    """Whether a path looks like weights rather than a run's folder: it is only looked at."""
    path = Path(path)
    if (path / "run.json").exists() or (path / "checkpoints").exists():
        return False
    if path.is_dir():
        return any(file.suffix in SUFFIXES for file in path.iterdir())
    return path.is_file() or path.suffix in SUFFIXES


def find_weights(path: str | Path, family: str | None = None) -> tuple[Weights, str]:
    """Weights of any form, and the first half of the SHA-256 of their bytes.

    Raises:
      UserError: there are none, or they cannot be read.
    """
    if is_weights(path):
        found, digest = read_weights(path), hashlib.sha256()
        with open_regular(Path(path) / TENSORS) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        return found, digest.hexdigest()[:32]
    found = import_weights(path, family)
    return found, found.sha256[:32]


def adopted(encoder: nn.Module, weights: Weights, name: str) -> tuple[str, ...]:
    """Overrides that give an experiment's encoder the architecture of some weights.

    Args:
      encoder: of the experiment.
      weights: to start from.
      name: of the experiment, for messages.

    Returns:
      Assignments such as "encoder.width=384"; settings of training, such as `drop_path`, stay.

    Raises:
      UserError: the encoder is of another class.
    """
    here, there = type(encoder).__name__, type(weights.encoder).__name__
    if here != there:
        raise UserError(
            f"{name} trains a {here} and the weights are those of a {there}: choose an experiment "
            f"whose encoder is a {there}"
        )
    ours, theirs = encoder_settings(encoder), dict(encoder_settings(weights.encoder))
    if hasattr(weights.encoder, "shape"):  # a ViT's variant stands for three numbers
        ours |= dict(zip(("width", "depth", "heads"), encoder.shape, strict=True))
    if "class_token" in theirs:
        theirs["class_token"] = theirs["class_token"] or theirs["pool"] == "cls"
    changed = [
        field.name
        for field in dataclasses.fields(encoder)
        if field.name in theirs
        and field.name not in _OF_THE_RUN
        and ours[field.name] != theirs[field.name]
    ]
    return tuple(f"encoder.{field}={theirs[field]!r}" for field in changed)


def selected(
    weights: Weights, params: ArrayTree, stats: ArrayTree, method: str, where: str, log: Log
) -> dict[str, np.ndarray]:
    """The arrays of a net that are taken from weights.

    Args:
      weights: to start from.
      params: shapes of the net's parameters.
      stats: shapes of the net's collections.
      method: its name, for messages.
      where: the weights, for messages.
      log: prints a line.

    Returns:
      Arrays by path: "params/encoder/...", "stats/batch_stats/encoder/...", and parts of the
      method's net, such as MAE's decoder, where the weights have them and their shapes fit.

    Raises:
      UserError: an array of the encoder is missing or has another shape.
    """
    taken: dict[str, np.ndarray] = {}
    own = []
    for collection, tree in {"params": params, **stats}.items():
        source = paths(weights.variables.get(collection, {}))
        top = collection if collection == "params" else f"stats/{collection}"
        for name, leaf in paths(tree.get("encoder", {})).items():
            value = _found(name, source)
            if value is None and name.split("/")[-1] in _OWN:
                own.append(name)
                continue
            if value is None:
                raise UserError(
                    f"{where} has no {name}, which the encoder of {method} has"
                    f"{closest(name, source)}"
                )
            if name.endswith("position_embedding/table") and value.shape != leaf.shape:
                how = getattr(weights.encoder, "interpolation", "keys")
                value = np.asarray(interpolate(jnp.asarray(value), leaf.shape[:2], how))
            if value.shape != tuple(leaf.shape):
                raise UserError(
                    f"{where} has {name} in the shape {list(value.shape)}, and the encoder of "
                    f"{method} has it in {list(leaf.shape)}"
                )
            taken[f"{top}/encoder/{name}"] = value
    source = paths(weights.heads)
    for part in weights.heads:
        ours = {n: x for n, x in paths(params).items() if n.split("/")[0] == part}
        found = {name: _found(name, source) for name in ours}
        if ours and all(x is not None and x.shape == ours[n].shape for n, x in found.items()):
            taken |= {f"params/{name}": value for name, value in found.items()}
        else:
            log(f"{part} of {where} is not taken: {method} has none, or one of other sizes")
    new = f"; {', '.join(sorted(own))[:200]} start anew" if own else ""
    log(f"starts from {where}: {len(taken)} arrays taken over{new}")
    return taken


def _found(name: str, source: Mapping[str, Any]) -> np.ndarray | None:
    """An array by its path; those of blocks are stacked where the net runs them as a loop."""
    if name in source:
        return np.asarray(source[name])
    before, stack, after = name.partition("/blocks/")
    if not stack:
        return None
    layers = []
    while (key := f"{before}/block{len(layers)}/{after}") in source:
        layers.append(np.asarray(source[key]))
    return np.stack(layers) if layers else None


def summary(weights: Weights, where: str | Path) -> Sequence[str]:
    """What was imported, in a few lines for a person."""
    arrays = paths(weights.variables)
    count = sum(int(np.size(x)) for x in arrays.values())
    fields = {
        f.name: getattr(weights.encoder, f.name)
        for f in dataclasses.fields(weights.encoder)
        if f.name not in ("name", "parent") and getattr(weights.encoder, f.name) != f.default
    }
    settings = ", ".join(f"{key}={value!r}" for key, value in fields.items())
    lines = [
        f"{where}: {weights.family} in the names of {weights.layout}, {count:,} values",
        f"encoder: {type(weights.encoder).__name__}({settings})",
        f"{len(weights.used)} names used, {len(weights.unused)} left out"
        + (f" ({', '.join(weights.unused[:4])}, ...)" if weights.unused else ""),
    ]
    if weights.heads:
        lines.append(f"with {', '.join(weights.heads)} for the method that has such parts")
    return lines
