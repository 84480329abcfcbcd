"""Sizes, channels and normalisation of an image experiment."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from jssl.augmentations import colour
from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.core import settings
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.own.form import Found, OwnOptions

_PATCH = ("patch", "patch_size")
_SCALED = (*_PATCH, "cell")  # settings in pixels that grow with the image, so that grids stay
_COLOUR_ONLY = ("random_field_colour", "permute_rgb", "rand_augment", "trivial_augment")
_REMOVED = object()


def adapt(
    experiment: Experiment, found: Found, options: OwnOptions
) -> tuple[Experiment, list[str]]:
    """Adapts an image experiment; see `jssl.own.adapt`.

    The images are brought to the size of the recipe, or to `options.size`: every crop is then
    scaled with it, and the patches of a vision transformer are, so that its grid, its masks and its
    number of tokens stay. Normalisation, where the recipe has one, takes the measured statistics.
    With channels that are no colours, hue, saturation and greyscale go; brightness and contrast
    stay.
    """
    facts, notes = found.facts, []
    own = input_size(experiment, facts["size"])
    size = options.size or own
    if size != own:
        experiment = resized(experiment, own, size)
    data = dataclasses.replace(found.data, size=_decoded_size(experiment, size))
    experiment = dataclasses.replace(experiment, data=data)
    if not 1 / 3 <= size / facts["size"] <= 1:
        word = "enlarged" if size > facts["size"] else "reduced"
        notes.append(f"images of {facts['size']} pixels are {word} to {size}; --size changes it")
    experiment, more = measured(experiment, facts)
    return experiment, [*notes, *more]


def measured(experiment: Experiment, facts: Mapping[str, Any]) -> tuple[Experiment, list[str]]:
    """The recipe with the measured mean and deviation, and without colour where there is none.

    Args:
      experiment: on images or clips.
      facts: "mean", "std" and "channels" of the data.

    Returns:
      (the experiment, what was left out of the recipe in a sentence).
    """
    mean, std = tuple(facts["mean"]), tuple(facts["std"])
    experiment = _mapped(experiment, functools.partial(_normalised, mean=mean, std=std))
    if facts["channels"] in (1, 3):
        return experiment, []
    dropped: set[str] = set()
    experiment = _mapped(experiment, functools.partial(_without_colour, dropped=dropped))
    if not dropped:
        return experiment, []
    return experiment, [
        f"{facts['channels']} channels are no colours, so the recipe goes without "
        f"{', '.join(sorted(dropped))}; brightness and contrast stay"
    ]


def input_size(experiment: Experiment, otherwise: int) -> int:
    """Height and width that a recipe crops its views to, pixels; the largest of several.

    Args:
      experiment: an image experiment.
      otherwise: what to return for a recipe without crops.
    """
    sizes = [one.value for one in _sizes(experiment) if one.path.startswith("views.")]
    return max(sizes, default=getattr(experiment.data, "size", otherwise))


def _sizes(
    experiment: Experiment, names: tuple[str, ...] = ("size", "image_size")
) -> list[settings.Setting]:
    return [
        one
        for one in settings.settings(experiment)
        if one.path.split(".")[-1] in names
        and one.path.split(".")[0] in ("views", "preprocess", "encoder", "method")
        and isinstance(one.value, int)
        and not isinstance(one.value, bool)
    ]


def resized(experiment: Experiment, own: int, size: int) -> Experiment:
    """Scales all crops of a recipe, and patches where there are some."""
    changes = []
    for one in _sizes(experiment, _SCALED):
        scaled, rest = divmod(one.value * size, own)
        if rest or not scaled:
            step = own // one.value
            raise UserError(
                f"{experiment.name} cuts images of {own} pixels into patches of {one.value}; "
                f"--size must be a multiple of {step}, not {size}"
            )
        changes.append(f"{one.path}={scaled}")
    patch = next((one.value * size // own for one in _sizes(experiment, _PATCH)), 1)
    for one in _sizes(experiment):
        scaled = round(one.value * size / own / patch) * patch
        changes.append(f"{one.path}={max(scaled, patch)}")
    return override(experiment, *changes)


def _decoded_size(experiment: Experiment, size: int) -> int:
    """The size that images are stored at: that of the recipe's resizing before a crop."""
    before = [one.value for one in _sizes(experiment) if one.path.startswith("preprocess.")]
    return max([size, *before])


def _mapped(experiment: Experiment, change: Callable[[Any], Any]) -> Experiment:
    views, preprocess = (_map(x, change) for x in (experiment.views, experiment.preprocess))
    return dataclasses.replace(experiment, views=views, preprocess=preprocess)


def _map(node: Any, change: Callable[[Any], Any]) -> Any:
    """Applies a change to every operation at any depth; one that gives `_REMOVED` is left out."""
    changed = change(node)
    if changed is not node:
        return changed
    if isinstance(node, tuple):
        kept = [_map(part, change) for part in node]
        return tuple(part for part in kept if part is not _REMOVED)
    if dataclasses.is_dataclass(node) and not isinstance(node, type | nn.Module):
        parts = {
            field.name: _map(getattr(node, field.name), change)
            for field in dataclasses.fields(node)
        }
        if _REMOVED in parts.values():
            return _REMOVED  # a wrapper of the operation, such as `sometimes`
        new = copy.copy(node)
        for name, value in parts.items():
            object.__setattr__(new, name, value)
        return new
    return node


def _function(node: Any) -> Any:
    return node.func if isinstance(node, functools.partial) else node


def _normalised(node: Any, *, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    if _function(node) is colour.normalise:
        return functools.partial(colour.normalise, mean=mean, std=std)
    return node


def _without_colour(node: Any, *, dropped: set[str]) -> Any:
    function = _function(node)
    name = getattr(function, "__name__", "")
    if function is colour.grayscale:
        dropped.add("greyscale")
        return _REMOVED
    if function is colour.colour_jitter and isinstance(node, functools.partial):
        own = {k for k in ("hue", "saturation") if node.keywords.get(k)}
        dropped |= own
        return functools.partial(function, **{**node.keywords, **dict.fromkeys(own, 0.0)})
    if name in _COLOUR_ONLY:
        raise UserError(
            f"the recipe has the operation {name}, which needs red, green and blue; take another "
            "experiment, or --channels rgb or grey"
        )
    return node
