"""A folder of weights: `weights.safetensors` and `config.json`, from which an encoder is loaded."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jssl import __version__
from jssl.core import settings
from jssl.core.state import paths
from jssl.errors import MALFORMED, UserError, nearest
from jssl.nn import module as nn
from jssl.weights.importing import Weights, check_variables, import_weights
from jssl.weights.safetensors import read_safetensors, write_safetensors

FORMAT = "jssl weights"
TENSORS, CONFIG = "weights.safetensors", "config.json"
_IMAGES = ("vit", "resnet", "regnet")
_MODULES = (*_IMAGES, "text", "waveform", "mlp", "series", "table", "points", "video", "graph")


def load(path: str | Path, family: str | None = None) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Loads an encoder, ready to be applied.

    Args:
      path: a folder written by `save_weights` or `jssl import`, or a file or folder of public
        weights.
      family: of public weights, where their names alone do not tell it.

    Returns:
      (encoder, variables, preprocessing): `encoder.apply(variables, x, train=False)` gives
      `Features`; the entry "kind" of the last is "image", "text" or "audio" where it is known.

    Raises:
      UserError: there are no weights, or they are damaged or of no known layout.
    """
    found = read_weights(path) if is_weights(path) else import_weights(path, family)
    return found.encoder, found.variables, dict(found.preprocessing)


def is_weights(path: str | Path) -> bool:
    """Whether a path is a folder of weights of jssl."""
    config = Path(path) / CONFIG
    try:
        return json.loads(config.read_text()).get("format") == FORMAT
    except (OSError, *MALFORMED):
        return False


def save_weights(folder: str | Path, weights: Weights, **facts: Any) -> Path:
    """Writes a folder of weights.

    Args:
      folder: made if it does not exist; a folder that holds other weights is refused.
      weights: an encoder with its variables.
      **facts: further entries of `config.json`, such as the run or file that they came from.

    Returns:
      The folder.

    Raises:
      UserError: the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    every = weights.variables | ({"heads": weights.heads} if weights.heads else {})
    config = {
        "format": FORMAT,
        "version": __version__,
        "family": weights.family,
        "layout": weights.layout,
        "encoder": described(weights.encoder),
        "input": [list(weights.sample[0]), weights.sample[1]],
        "preprocessing": _plain(weights.preprocessing),
        "facts": _plain(weights.facts),
        "used": list(weights.used),
        "unused": list(weights.unused),
        "sha256": weights.sha256,
        **facts,
    }
    if folder.exists() and not is_weights(folder) and any(folder.iterdir()):
        raise UserError(f"{folder} holds something other than weights: choose another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(folder / TENSORS, paths(every), {"format": FORMAT})
        (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}") from None
    return folder


def read_weights(folder: str | Path) -> Weights:
    """Reads a folder of weights.

    Args:
      folder: written by `save_weights`.

    Returns:
      The weights.

    Raises:
      UserError: the folder is damaged, or its tensors are not those of its encoder.
    """
    folder = Path(folder)
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
        shape, dtype = config["input"]
        encoder = made(config["encoder"], path)
        sample = (tuple(map(int, shape)), str(jnp.dtype(dtype)))
        texts = [str(config.get(key, "")) for key in ("family", "layout", "sha256")]
        used, unused = (tuple(map(str, config.get(key, ()))) for key in ("used", "unused"))
        facts, preprocessing = (_tupled(dict(config[k])) for k in ("facts", "preprocessing"))
    except (OSError, *MALFORMED) as error:
        raise UserError(f"{path} is no record of weights ({type(error).__name__})") from None
    tensors, _ = read_safetensors(folder / TENSORS)
    variables: dict[str, Any] = {"params": {}}
    for name, value in tensors.items():
        *way, last = name.split("/")
        node = variables
        for key in way:
            node = node.setdefault(key, {})
        node[last] = value
    heads = variables.pop("heads", {})
    check_variables(encoder, variables, sample, str(folder / TENSORS))
    family, layout, sha256 = texts
    return Weights(
        encoder,
        variables,
        preprocessing,
        sample,
        family,
        layout,
        facts,
        used,
        unused,
        sha256,
        heads,
    )


def encoder_settings(encoder: nn.Module) -> dict[str, Any]:
    """The fields of an encoder with their values."""
    return {name: getattr(encoder, name) for name in settings.fields(encoder)}


def described(encoder: nn.Module) -> dict[str, Any]:
    """An encoder as plain JSON values.

    Raises:
      UserError: it is no encoder of jssl, or a field is no plain value.
    """
    kind = type(encoder).__name__
    if kind not in _classes():
        raise UserError(f"{kind} is no encoder that ships with jssl, so it cannot be written down")
    return {"class": kind, **{k: _plain(v) for k, v in encoder_settings(encoder).items()}}


def made(description: Mapping[str, Any], where: Path | str) -> nn.Module:
    """An encoder from what `described` gave.

    Raises:
      UserError: it names no encoder, or a field that there is not.
    """
    values = dict(description)
    name = values.pop("class", None)
    classes = _classes()
    if name not in classes:
        raise UserError(f"{where} names the encoder {name!r}: {nearest(str(name), classes)}")
    known = [f.name for f in dataclasses.fields(classes[name]) if f.name not in ("name", "parent")]
    for key in values:
        if key not in known:
            raise UserError(f"{where} sets {key!r} of a {name}: {nearest(key, known)}")
    encoder = classes[name](**{key: _value(value) for key, value in values.items()})
    settings.check(encoder)
    return encoder


def _classes() -> dict[str, type[nn.Module]]:
    found = {}
    for module in _MODULES:
        for name, thing in vars(importlib.import_module(f"jssl.encoders.{module}")).items():
            own = getattr(thing, "__module__", "") == f"jssl.encoders.{module}"
            if own and isinstance(thing, type) and issubclass(thing, nn.Module):
                found[name] = thing
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and type(value).__name__ == "Design":
        return {"design": {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}}
    raise UserError(f"{value!r} cannot be written down")


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_value, value))
    if isinstance(value, dict):
        from jssl.encoders.regnet import Design

        return Design(**value["design"])
    return value


def _tupled(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_tupled, value))
    if isinstance(value, dict):
        return {key: _tupled(part) for key, part in value.items()}
    return value
