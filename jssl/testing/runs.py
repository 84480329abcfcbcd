"""Short runs of an experiment on different meshes or interrupted at different steps, compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jssl.config.experiment import Experiment
from jssl.core.state import paths
from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.nn import module as nn
from jssl.testing.quick import plain
from jssl.training import sharding
from jssl.training.batches import make_step_runner
from jssl.training.checkpoint import Checkpoints
from jssl.training.optim import Optimizer
from jssl.training.program import Program, build


class Trajectory(NamedTuple):
    """Final state and metrics of a short run, on the host.

    Attributes:
      state: path of a leaf -> its value.
      metrics: name -> float32 [steps].
    """

    state: dict[str, np.ndarray]
    metrics: dict[str, np.ndarray]


def small(
    experiment: Experiment, *, batch_size: int = 16, simple_views: bool = False
) -> Experiment:
    """A small copy that compiles in seconds and whose results are comparable across meshes.

    It is `Experiment.smoke` with SGD as the optimizer: Adam divides gradients that should be zero
    by their own rounding error, which makes comparisons meaningless. Gradients are clipped, so that
    no method diverges, whatever the scale of its loss. A ResNet is replaced by an MLP with
    BatchNorm; methods that need tokens keep their transformer, with one block and larger kernels.

    Args:
      experiment: any experiment.
      batch_size: global batch size.
      simple_views: remove operations that take long to compile; see `jssl.testing.quick`.

    Returns:
      The copy.
    """
    experiment = experiment.smoke()
    if simple_views:
        experiment = dataclasses.replace(experiment, views=plain(experiment.views))
    encoder = experiment.encoder
    if isinstance(encoder, ResNet):
        encoder = MLP(hidden=(32, 32), norm="batch")
    if isinstance(encoder, ViT):
        # Kernels and branches of ordinary scale: with tiny ones features hardly differ between
        # images, and their differences are mostly rounding error.
        scale = None if encoder.layer_scale is None else 1.0
        encoder = encoder.clone(depth=1, kernel_init="lecun", layer_scale=scale)
    return dataclasses.replace(
        experiment,
        encoder=encoder,
        optimizer=Optimizer(
            "sgd", learning_rate=0.05, scaling="none", weight_decay=1e-4, clip_norm=1.0
        ),
        batch_size=batch_size,
        epochs=8,
    )


def program_of(
    experiment: Experiment, *, devices: int = 1, fsdp: int = 1, smooth: bool = False, **kwargs: Any
) -> Program:
    """The program of an experiment on a mesh of `devices`, with parameters sharded over `fsdp`.

    With `smooth`, the net's ReLUs are replaced; see `smoothed`.
    """
    splits = experiment.data.load()
    mesh = sharding.make_mesh(devices, fsdp)
    program = build(experiment, splits.train[0], len(splits.train), mesh, **kwargs)
    return dataclasses.replace(program, net=smoothed(program.net)) if smooth else program


def smoothed(module: nn.Module) -> nn.Module:
    """Replaces each ReLU that is set by name in a field `activation` with GELU.

    If the input of a ReLU is zero up to rounding, rounding decides whether a gradient flows, so
    that no tolerance holds between runs that sum in different orders.

    Args:
      module: an unbound Linen module.

    Returns:
      A copy, with the same parameters.
    """
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(module):
        value = getattr(module, field.name, None)
        if field.name == "activation" and value == "relu":
            changes[field.name] = "gelu"
        elif isinstance(value, nn.Module) and field.name not in ("parent", "name"):
            changes[field.name] = smoothed(value)
    return module.clone(**changes) if changes else module


def trajectory(
    experiment: Experiment,
    *,
    devices: int = 1,
    fsdp: int = 1,
    steps: int = 3,
    seed: int = 0,
    data_path: str = "device",
    cut: Sequence[int] = (),
    folder: Path | None = None,
    **kwargs: Any,
) -> Trajectory:
    """Runs a few training steps.

    Args:
      experiment: the experiment.
      devices: number of devices in the mesh.
      fsdp: number of devices over which parameters are sharded.
      steps: number of steps.
      seed: seed of the run.
      data_path: "device" or "stream".
      cut: steps at which the run is saved, discarded and restored.
      folder: folder of the checkpoints, required for `cut`.
      **kwargs: options of `jssl.training.program.build`.

    Returns:
      The final state and the metrics of every step.
    """
    program = program_of(experiment, devices=devices, fsdp=fsdp, **kwargs)
    root = program.root_key(seed)
    source = experiment.data.load().train
    state = program.init(root)
    records = []
    start = 0
    for until in [*cut, steps]:
        options = {"path": data_path, "workers": 0, "chunk": steps}
        runner = make_step_runner(program, source, seed=seed, root=root, start=start, **options)
        state, record = runner.advance(state, start, until - start)
        records.append(record())
        runner.close()
        start = until
        if until != steps:
            checkpoints = Checkpoints(folder)
            checkpoints.save(state)
            checkpoints.finish()
            del state
            state, _ = checkpoints.restore(program.abstract_state)
            checkpoints.close()
    metrics = {k: np.concatenate([record[k] for record in records]) for k in records[0]}
    leaves = {name: np.asarray(leaf) for name, leaf in paths(state).items()}
    return Trajectory(leaves, metrics)


def deviation(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> tuple[float, str]:
    """Largest relative deviation between two sets of arrays, each scaled by its own magnitude.

    An array far smaller than the others of its collection (the first part of its name) is scaled by
    a thousandth of the largest of them, and one below the rounding error of the largest by a
    hundredth: a gradient that is zero in exact arithmetic, such as that of a bias before BatchNorm,
    consists of rounding error only.

    Args:
      a: name -> array.
      b: name -> array, the same names and shapes.

    Returns:
      (deviation, name): max |a - b| / size over the worst array, and its name; infinite where a
      value is finite in one and not in the other.

    Raises:
      ValueError: if names or shapes differ.
    """
    if a.keys() != b.keys():
        raise ValueError(f"the two have different leaves: {sorted(a.keys() ^ b.keys())}")
    sizes = {name: float(np.max(np.abs(a[name]), initial=0.0)) for name in a}
    largest: dict[str, float] = {}
    for name, size in sizes.items():
        group = name.split("/")[0]
        largest[group] = max(largest.get(group, 0.0), size)
    worst, where = 0.0, ""
    for name in a:
        x, y = np.asarray(a[name], np.float64), np.asarray(b[name], np.float64)
        if x.shape != y.shape:
            raise ValueError(f"{name} has shape {x.shape} and {y.shape}")
        if not x.size or np.array_equal(x, y, equal_nan=True):
            continue
        whole = largest[name.split("/")[0]]
        scale = max(sizes[name], (1e-2 if sizes[name] < 1e-6 * whole else 1e-3) * whole, 1e-12)
        value = float(np.max(np.abs(x - y))) / scale
        value = value if np.isfinite(value) else np.inf
        if value >= worst:
            worst, where = value, name
    return worst, where


def compare_meshes(
    experiment: Experiment,
    meshes: Sequence[tuple[int, int]] = ((8, 4),),
    *,
    steps: int = 3,
    **kwargs: Any,
) -> tuple[float, str]:
    """Largest deviation of other meshes from one device, in state and metrics.

    Args:
      experiment: the experiment; see `small`.
      meshes: (devices, fsdp) pairs.
      steps: number of steps.
      **kwargs: options of `trajectory`.

    Returns:
      (deviation, name of the worst leaf or metric); see `deviation`.
    """
    reference = trajectory(experiment, steps=steps, **kwargs)
    worst = (0.0, "")
    for devices, fsdp in meshes:
        other = trajectory(experiment, devices=devices, fsdp=fsdp, steps=steps, **kwargs)
        for a, b in zip(reference, other, strict=True):
            worst = max(worst, deviation(a, b))
    return worst


def compare_resumed(
    experiment: Experiment, folder: Path, *, steps: int = 5, cut: int = 3, **kwargs: Any
) -> list[str]:
    """Leaves and metrics that are not bit-identical after saving, discarding and resuming.

    Args:
      experiment: the experiment; see `small`.
      folder: folder of the checkpoints.
      steps: number of steps.
      cut: the step at which the run is interrupted.
      **kwargs: options of `trajectory`.

    Returns:
      Names of the leaves and metrics that differ; empty if resuming is exact.
    """
    whole = trajectory(experiment, steps=steps, **kwargs)
    parts = trajectory(experiment, steps=steps, cut=(cut,), folder=folder, **kwargs)
    return [
        name
        for a, b in zip(whole, parts, strict=True)
        for name in a
        if a[name].tobytes() != b[name].tobytes()
    ]


def one_experiment_per_method() -> dict[str, str]:
    """Maps each built-in method to an experiment that uses it.

    An experiment named after the method is preferred, and one on images over other modalities.
    """
    from jssl.config import experiment as registry

    kinds = {kind: method for method, kind in registry.methods().items()}
    found: dict[str, list[tuple[bool, bool, str]]] = {}
    for name in registry.names():
        method = kinds.get(type(registry.load(name).method))
        if method is not None:
            modality, _, run = name.partition("/")
            after = run.startswith(method.partition("/")[2] + "_")
            found.setdefault(method, []).append((not after, modality != "image", name))
    return {method: min(names)[2] for method, names in found.items()}
