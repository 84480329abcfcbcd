"""From a file of public weights to an encoder with its variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.config.overrides import override
from jssl.core.state import paths
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.weights.families import FAMILIES
from jssl.weights.family import Built, Family, Keys, Layout, marked
from jssl.weights.files import Checkpoint, array, read_checkpoint
from jssl.weights.names import Carried, carry, carry_back, closest

_OPTIONAL = ("mask_token", "position_token")  # parameters of encoders initialised with masks


@dataclasses.dataclass(frozen=True)
class Weights:
    """An encoder with its variables.

    Attributes:
      encoder: the module.
      variables: {"params": ..., "batch_stats": ...}, nested, NumPy arrays.
      preprocessing: what the encoder expects of its input: "kind" is "image", "text" or "audio".
      sample: shape and dtype of an input that fits.
      family: name of the family; "" for the encoder of a run.
      layout: name of the layout; "" for the encoder of a run.
      facts: numbers that carry the arrays back to the published names.
      used: names of the file that were used.
      unused: names of the file that were left out, such as heads.
      sha256: of the file.
      heads: parameters of other parts of the net that a method may take over, such as MAE's
        decoder, by the names that they have in its net.
    """

    encoder: nn.Module
    variables: ArrayTree
    preprocessing: Mapping[str, Any]
    sample: tuple[tuple[int, ...], str]
    family: str = ""
    layout: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    used: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    sha256: str = ""
    heads: ArrayTree = dataclasses.field(default_factory=dict)


def import_weights(
    path: str | Path, family: str | None = None, settings: Sequence[str] = ()
) -> Weights:
    """Reads public weights into an encoder of jssl.

    Args:
      path: a file or folder; see `jssl.weights.files.read_checkpoint`.
      family: name of a family of `jssl.weights.families`; None to recognise it by its names, which
        is refused where families with different encoders share them.
      settings: assignments to fields of the encoder, such as "heads=6", which shapes do not show.

    Returns:
      The encoder with its variables in float32.

    Raises:
      UserError: the file cannot be read, is of no known layout, or a name or shape on either side
        has no counterpart.
    """
    checkpoint = read_checkpoint(path)
    if family is None:
        return _recognised(checkpoint, settings)
    if family not in FAMILIES:
        raise UserError(f"no family of weights is called {family!r}: {nearest(family, FAMILIES)}")
    return _imported(checkpoint, FAMILIES[family], settings)


def export_names(weights: Weights) -> dict[str, np.ndarray]:
    """The arrays of imported weights under their published names; the inverse of the import.

    Raises:
      UserError: the weights were not imported.
    """
    if not weights.family:
        raise UserError("only imported weights have published names: these are of a run of jssl")
    family = FAMILIES[weights.family]
    layout = next(layout for layout in family.layouts if layout.name == weights.layout)
    every = weights.variables | ({"heads": weights.heads} if weights.heads else {})
    flat = {name.removeprefix("params/"): np.asarray(x) for name, x in paths(every).items()}
    return carry_back(flat, layout.rules, weights.facts, weights.used)


def _recognised(checkpoint: Checkpoint, settings: Sequence[str]) -> Weights:
    found, problems = {}, {}
    for name, family in FAMILIES.items():
        try:
            keys, layout = _keys(checkpoint, family, settings)[:2]
            built = family.build(keys)
            _covered(keys, layout, built)
            found[name] = (built.encoder, layout.rules)
        except UserError as error:
            problems[name] = error
    if not found:
        names = sorted(next(iter(checkpoint.containers().values())))[:3]
        raise UserError(
            f"{checkpoint.path} is of no known layout (it has names such as {', '.join(names)}): "
            f"name its family with --as ({', '.join(FAMILIES)})"
        )
    first = next(iter(found))
    if any(other != found[first] for other in found.values()):
        raise UserError(
            f"the names in {checkpoint.path} are those of several families ({', '.join(found)}): "
            "name the right one"
        )
    return _imported(checkpoint, FAMILIES[first], settings)


def _covered(keys: Keys, layout: Layout, built: Built) -> None:
    """Checks the names alone, without reading an array."""
    zeros = {name: np.broadcast_to(np.float32(0), s) for name, s in keys.shapes.items()}
    carry(zeros, zeros.__getitem__, layout.rules, layout.drop, built.facts, keys.where)


def _keys(
    checkpoint: Checkpoint, family: Family, settings: Sequence[str] = ()
) -> tuple[Keys, Layout, dict[str, Any], list[str]]:
    """(names and shapes of the encoder's part, layout, tensors, names outside of that part)."""
    where, containers = str(checkpoint.path), checkpoint.containers()
    for container in family.containers:
        if container not in containers:
            continue
        tensors, outside = _part(containers[container], family.parts)
        layout = marked(family.layouts, tensors)
        if layout is not None:
            shapes = {name: tuple(leaf.shape) for name, leaf in tensors.items()}

            def read(name: str, tensors: Mapping[str, Any] = tensors) -> np.ndarray:
                return array(tensors[name])

            keys = Keys(shapes, checkpoint.config, where, read, tuple(settings))
            return keys, layout, tensors, outside
    names = sorted({name for part in containers.values() for name in part})
    wanted = family.layouts[0].marks[0].replace("\\", "")
    raise UserError(
        f"{where} has none of the layouts of {family.name} "
        f"({', '.join(layout.name for layout in family.layouts)}): it has no {wanted}"
        f"{closest(wanted, names)}"
    )


def _part(tensors: Mapping[str, Any], parts: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Removes "module." and the prefix of the encoder's part from the start of names."""
    named = {}
    for name, leaf in tensors.items():
        while name.startswith("module."):
            name = name.removeprefix("module.")
        named[name] = leaf
    for prefix in parts:
        if any(name.startswith(prefix) for name in named):
            inner = {n.removeprefix(prefix): x for n, x in named.items() if n.startswith(prefix)}
            return inner, [name for name in named if not name.startswith(prefix)]
    return named, []


def _imported(checkpoint: Checkpoint, family: Family, settings: Sequence[str]) -> Weights:
    keys, layout, tensors, outside = _keys(checkpoint, family, settings)
    built = family.build(keys)
    encoder = override(built.encoder, *settings) if settings else built.encoder

    def read(name: str) -> np.ndarray:
        value = keys.read(name)
        if not np.issubdtype(value.dtype, np.number) and value.dtype.kind != "V":
            raise UserError(f"{keys.where}: {name} is of dtype {value.dtype}, not of numbers")
        value = np.asarray(value, np.float32)
        if np.isnan(value).any():
            raise UserError(f"{keys.where}: {name} holds NaN: the file is of no trained network")
        return value

    carried = carry(tensors, read, layout.rules, layout.drop, built.facts, keys.where)
    variables = nest(carried)
    heads = variables.pop("heads", {})
    check_variables(encoder, variables, built.sample, keys.where)
    return Weights(
        encoder,
        variables,
        {**family.preprocessing, **built.preprocessing},
        built.sample,
        family.name,
        layout.name,
        dict(built.facts),
        carried.used,
        tuple(sorted([*carried.dropped, *outside])),
        checkpoint.sha256,
        heads,
    )


def nest(carried: Carried) -> ArrayTree:
    """Nested variables from the paths of `carry`."""
    tree: dict[str, Any] = {"params": {}}
    for path, value in carried.arrays.items():
        *way, last = path.split("/")
        node = tree
        for key in way if way[:1] in (["batch_stats"], ["heads"]) else ["params", *way]:
            node = node.setdefault(key, {})
        node[last] = np.ascontiguousarray(value)
    return tree


def check_variables(
    encoder: nn.Module, variables: ArrayTree, sample: tuple[tuple[int, ...], str], where: str
) -> None:
    """Compares variables with those that an encoder has.

    Args:
      encoder: the module.
      variables: {"params": ..., "batch_stats": ...}.
      sample: shape and dtype of an input.
      where: the file, for messages.

    Raises:
      UserError: a parameter is missing, superfluous or of another shape; the nearest names are
        listed.
    """
    shape, dtype = sample
    x = jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))
    drawn = jax.eval_shape(lambda x: encoder.init(jax.random.key(0), x, train=False), x)
    wanted = {name: tuple(leaf.shape) for name, leaf in paths(drawn).items()}
    found = {name: tuple(leaf.shape) for name, leaf in paths(variables).items()}
    kind = type(encoder).__name__
    for name in sorted(wanted.keys() - found.keys()):
        raise UserError(
            f"{where} gives no {name}, which this {kind} has{closest(name, found.keys())}"
        )
    for name in sorted(found.keys() - wanted.keys()):
        if name.split("/")[-1] not in _OPTIONAL:
            raise UserError(
                f"{where} gives {name}, which this {kind} does not have"
                f"{closest(name, wanted.keys())}"
            )
    for name in sorted(wanted):
        if wanted[name] != found[name]:
            raise UserError(
                f"{where} gives {name} in the shape {list(found[name])}, and this {kind} has it in "
                f"{list(wanted[name])}"
            )
