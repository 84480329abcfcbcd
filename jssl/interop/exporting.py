"""`jssl export`: an encoder as safetensors, for timm or transformers, as StableHLO or as ONNX."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.state import paths
from jssl.errors import UserError, nearest
from jssl.interop.card import model_card
from jssl.interop.encoder import Encoder
from jssl.interop.onnx_graph import package, run_onnx, write_onnx
from jssl.interop.timm_forward import timm_forward
from jssl.interop.timm_layout import to_timm
from jssl.interop.transformers_layout import to_transformers
from jssl.runs.run import Run
from jssl.runs.run_files import write_json
from jssl.weights import Weights, import_weights, read_weights, save_weights
from jssl.weights.safetensors import read_safetensors, write_safetensors

FORMS = ("safetensors", "hf", "transformers", "stablehlo", "onnx")
PLATFORMS = ("cpu", "cuda", "tpu")
_CHECKED = 3  # examples of the comparison; not a size that anything was traced for


@dataclasses.dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
      folder: that holds it.
      form: one of `FORMS`.
      difference: largest absolute difference between what was read back and the encoder: of the
        pooled features of random inputs, or of the arrays.
      scale: largest absolute value of the features.
      compared: what was compared, in words.
    """

    folder: Path
    form: str
    difference: float
    scale: float
    compared: str

    def __str__(self) -> str:
        return (
            f"{self.form}: {self.folder}; {self.compared}: largest difference "
            f"{self.difference:.3g} (largest feature {self.scale:.3g})"
        )


def export(
    encoder: Encoder,
    run: Run | None,
    form: str,
    folder: str | Path,
    *,
    licence: str | None = None,
    push: bool = False,
    log: Callable[[str], None] = print,
) -> Exported:
    """Writes an encoder in one form, with a model card, and compares the file with the encoder.

    Args:
      encoder: the encoder; see `jssl.interop.encoder.open_encoder`.
      run: the run it is from; None for weights.
      form: "safetensors" (jssl's own folder: `--init-from` and `jssl.load_encoder` read it), "hf"
        (names and configuration of timm, which transformers reads with timm), "transformers" (of
        its ViT and DINOv2), "stablehlo" (`jax.export` for CPU, CUDA and TPU) or "onnx"; the last
        two take a batch of any size.
      folder: made if it does not exist; it must be empty or hold an export.
      licence: SPDX identifier for the card.
      push: whether to add what a model hub expects of a repository. Nothing is uploaded.
      log: prints a line.

    Returns:
      What was written.

    Raises:
      UserError: the encoder has no such form, a package is missing, or the folder holds something
        else.
    """
    folder = Path(folder)
    if form not in FORMS:
        raise UserError(f"--to {form}: {nearest(form, FORMS)}")
    if push and licence is None:
        raise UserError("--push needs --licence: a published model names its licence (e.g. MIT)")
    if form != "stablehlo" and not isinstance(encoder.input, jax.ShapeDtypeStruct):
        raise UserError(f"--to {form} takes encoders with one array as input; use stablehlo")
    if not encoder.whole and form in ("safetensors", "hf", "transformers"):
        raise UserError(
            f"the features of this run are more than its encoder's, so --to {form} would lose a "
            "part of them: use stablehlo or onnx"
        )
    if form == "onnx":
        package("onnx"), package("onnxruntime")
    _check_folder(folder)
    writers = {"safetensors": _safetensors, "hf": _hf, "transformers": _transformers}
    write = {**writers, "stablehlo": _stablehlo, "onnx": _onnx}[form]
    files, difference, scale, compared = write(encoder, folder)
    card = model_card(
        encoder,
        run,
        name=folder.resolve().name,
        licence=licence,
        files=files,
        library={"hf": "timm", "transformers": "transformers"}.get(form, "jssl"),
    )
    (folder / "README.md").write_text(card)
    if push:
        (folder / ".gitattributes").write_text(
            "".join(f"*.{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in _LARGE)
        )
        log(f"{folder} is ready for a hub; nothing was uploaded: hf upload OWNER/NAME {folder}")
    return Exported(folder, form, difference, scale, compared)


_LARGE = ("safetensors", "onnx", "stablehlo")
_MARK = "jssl export"


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; give a folder")
    if folder.exists() and any(folder.iterdir()):
        try:
            known = json.loads((folder / "config.json").read_text())
            mine = known.get("format") == "jssl weights" or known.get("written_by") == _MARK
        except (OSError, ValueError, AttributeError):
            mine = False
        if not mine:
            raise UserError(f"{folder} holds something other than an export: choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error


def inputs(encoder: Encoder, count: int = _CHECKED, seed: int = 0) -> Any:
    """Random inputs of the encoder's module [count, ...]: noise, and zeros for integers."""
    random = np.random.default_rng(seed)

    def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        shape = (count, *leaf.shape)
        if np.issubdtype(leaf.dtype, np.floating):
            return random.normal(size=shape).astype(leaf.dtype)
        return np.ones(shape, leaf.dtype)

    return jax.tree.map(draw, encoder.input)


def features_of(encoder: Encoder) -> Callable[[Any], jax.Array]:
    """Pooled features [B, D] of preprocessed inputs, with the weights closed over."""
    portable = encoder
    module = encoder.module
    if encoder.whole and getattr(module, "implementation", None) == "auto":
        # The choice of a fused kernel would be that of this machine.
        clone = module.clone(implementation="xla")
        apply = functools.partial(lambda m, v, x: m.apply(v, x, train=False), clone)
        portable = dataclasses.replace(encoder, module=clone, apply=apply)
    variables = jax.tree.map(jnp.asarray, encoder.variables)
    return lambda x: portable.apply(variables, x).pooled.astype(jnp.float32)


def _compared(encoder: Encoder, found: Any, x: Any) -> tuple[float, float]:
    wanted = np.asarray(jax.jit(features_of(encoder))(x))
    return float(np.abs(np.asarray(found) - wanted).max()), float(np.abs(wanted).max())


def _statistics(encoder: Encoder) -> dict[str, Any]:
    """Mean and standard deviation that the preprocessing normalises by, where it does."""
    for op in getattr(encoder.pipeline, "ops", ()):
        known = getattr(op, "keywords", {})
        if {"mean", "std"} <= set(known):
            return {key: list(np.asarray(known[key], float).tolist()) for key in ("mean", "std")}
    return {}


def _safetensors(encoder: Encoder, folder: Path) -> tuple[dict[str, str], float, float, str]:
    spec = encoder.input
    shape = (1, *spec.shape)
    kind = {"image": "image"}.get(encoder.pipeline.field, encoder.pipeline.field)
    about = {"kind": kind, **_statistics(encoder)}
    if kind == "image":
        about["size"] = spec.shape[0]
    if encoder.tokenizer is not None:
        about["tokenizer"] = encoder.tokenizer.kind
        about |= {"special": encoder.tokenizer.ends} if encoder.tokenizer.special else {}
    about |= {key: encoder.facts[key] for key in ("tokenizer", "special") if key in encoder.facts}
    weights = Weights(encoder.module, encoder.variables, about, (shape, str(spec.dtype)))
    save_weights(folder, weights, source=dict(encoder.facts), fingerprint=encoder.fingerprint)
    read = read_weights(folder)
    x = inputs(encoder)
    back = dataclasses.replace(
        encoder,
        module=read.encoder,
        variables=read.variables,
        apply=functools.partial(lambda m, v, x: m.apply(v, x, train=False), read.encoder),
    )
    difference, scale = _compared(encoder, jax.jit(features_of(back))(x), x)
    files = {
        "weights.safetensors": "the weights under jssl's names",
        "config.json": "the encoder and its input: `jssl.load_encoder(folder)` reads both",
    }
    return files, difference, scale, "features of the file read back"


def _hf(encoder: Encoder, folder: Path) -> tuple[dict[str, str], float, float, str]:
    spec = encoder.input
    if len(spec.shape) != 3:
        raise UserError("--to hf takes encoders of images [H, W, C]")
    height, width, channels = spec.shape
    arrays, described = to_timm(encoder.module, encoder.variables, (height, width), channels)
    statistics = _statistics(encoder) or {"mean": [0.0] * channels, "std": [1.0] * channels}
    config = {
        "written_by": _MARK,
        "architecture": described["architecture"],
        "num_classes": 0,
        "num_features": described["num_features"],
        "global_pool": described["global_pool"],
        "model_args": described["model_args"],
        "pretrained_cfg": {
            "input_size": [channels, height, width],
            "fixed_input_size": "vit" in described["architecture"],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "num_classes": 0,
            "pool_size": None,
            **statistics,
        },
    }
    path = folder / "model.safetensors"
    write_safetensors(path, arrays, {"format": "pt"})
    write_json(folder / "config.json", config)
    read, _ = read_safetensors(path)
    x = inputs(encoder)
    found = timm_forward(read, config, np.asarray(x))
    difference, scale = _compared(encoder, found, x)
    files = {
        "model.safetensors": "the weights under timm's names",
        "config.json": "`timm.create_model('local-dir:FOLDER', pretrained=True)` reads both",
    }
    return files, difference, scale, "features of the file by timm's definition"


def _transformers(encoder: Encoder, folder: Path) -> tuple[dict[str, str], float, float, str]:
    spec = encoder.input
    if len(spec.shape) != 3:
        raise UserError("--to transformers takes encoders of images [H, W, C]")
    height, width, channels = spec.shape
    arrays, config = to_transformers(encoder.module, encoder.variables, (height, width), channels)
    write_safetensors(folder / "model.safetensors", arrays, {"format": "pt"})
    write_json(folder / "config.json", {"written_by": _MARK, **config})
    statistics = _statistics(encoder) or {"mean": [0.0] * channels, "std": [1.0] * channels}
    preprocessor = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": height, "width": width},
        "resample": 3,  # bicubic
        "rescale_factor": 1 / 255,
        "image_mean": statistics["mean"],
        "image_std": statistics["std"],
    }
    write_json(folder / "preprocessor_config.json", preprocessor)
    read = import_weights(folder, "dinov2" if "dinov2" in config["model_type"] else "hf_vit")
    x = inputs(encoder)

    def tokens(module: Any, variables: Any) -> np.ndarray:
        apply = jax.jit(lambda v, x: module.apply(v, x, train=False))
        found = apply(variables, x)
        parts = [found.extras["cls"][:, None], found.tokens]
        return np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)

    wanted = tokens(encoder.module, encoder.variables)
    difference = float(np.abs(tokens(read.encoder, read.variables) - wanted).max())
    name = config["architectures"][0]
    files = {
        "model.safetensors": f"the weights under the names of transformers' {name}",
        "config.json": f"`transformers.{name}.from_pretrained(FOLDER)` reads both",
        "preprocessor_config.json": "size and normalisation of its images",
    }
    return files, difference, float(np.abs(wanted).max()), "class token and patches, imported again"


def _stablehlo(encoder: Encoder, folder: Path) -> tuple[dict[str, str], float, float, str]:
    from jax import export as jax_export

    (batch,) = jax_export.symbolic_shape("batch")
    specs = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((batch, *leaf.shape), leaf.dtype), encoder.input
    )
    try:
        exported = jax_export.export(jax.jit(features_of(encoder)), platforms=PLATFORMS)(specs)
    except Exception as error:
        raise UserError(
            f"this {type(encoder.module).__name__} cannot be exported for {', '.join(PLATFORMS)} "
            f"and any batch size: {str(error).splitlines()[0]}"
        ) from error
    path = folder / "encoder.stablehlo"
    path.write_bytes(exported.serialize())
    _config(encoder, folder, "stablehlo", {"platforms": list(PLATFORMS)})
    x = inputs(encoder)
    found = jax_export.deserialize(bytearray(path.read_bytes())).call(x)
    difference, scale = _compared(encoder, found, x)
    files = {
        "encoder.stablehlo": "`jax.export.deserialize(bytearray(open(path, 'rb').read())).call(x)`",
        "config.json": "its input and output",
    }
    return files, difference, scale, f"features of a batch of {_CHECKED} by the file read back"


def _onnx(encoder: Encoder, folder: Path) -> tuple[dict[str, str], float, float, str]:
    path = folder / "encoder.onnx"
    write_onnx(path, features_of(encoder), encoder.input)
    _config(encoder, folder, "onnx", {})
    x = inputs(encoder)
    difference, scale = _compared(encoder, run_onnx(path, np.asarray(x)), x)
    files = {
        "encoder.onnx": 'input "x" [batch, ...], output "features" [batch, D]',
        "config.json": "its input and output",
    }
    return files, difference, scale, f"features of a batch of {_CHECKED} by onnxruntime"


def _config(encoder: Encoder, folder: Path, form: str, more: dict[str, Any]) -> None:
    leaves = {
        name or "x": {"shape": ["batch", *leaf.shape], "dtype": str(leaf.dtype)}
        for name, leaf in paths({"x": encoder.input}).items()
    }
    config = {
        "written_by": _MARK,
        "form": form,
        "input": leaves,
        "preprocessing": {"pipeline": repr(encoder.pipeline), **_statistics(encoder)},
        "fingerprint": encoder.fingerprint,
        **more,
    }
    write_json(folder / "config.json", config)
