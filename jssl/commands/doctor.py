"""`jssl doctor`: versions, devices and memory, and what will be slow on this machine and why."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

from jssl import __version__
from jssl.core.machine import available_memory, cores, processor, vector_extensions

PACKAGES = (
    *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "scipy"),
    *("scikit-learn", "chex", "tensorflow-datasets"),
)
EXTRAS = {
    "tpu": "libtpu",
    "text": "tokenizers",
    "audio": "soundfile",
    "parquet": "pyarrow",
    "meshes": "trimesh",
    "video": "av",
    "tiff": "tifffile",
    "onnx": "onnxruntime",
    "wandb": "wandb",
    "mlflow": "mlflow-skinny",
    "trackio": "trackio",
    "completion": "shtab",
}
"""Extra of jssl -> the package that it is for."""
_GIB = 2**30


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser(
        "doctor", help="versions, devices, memory, and what will be slow here"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    del arguments
    print("\n".join(report()))
    return 0


def version_line() -> str:
    """`jssl 0.2.0, JAX 0.10.2, Python 3.11.7, 1 device: cpu`."""
    import jax

    devices = jax.devices()
    kind = devices[0].device_kind
    count = f"{len(devices)} device{'s' if len(devices) > 1 else ''}"
    return (
        f"jssl {__version__}, JAX {jax.__version__}, Python {platform.python_version()}, "
        f"{count}: {kind}"
    )


def report() -> list[str]:
    """The lines of the report."""
    import jax

    from jssl.runs import compile_cache

    devices = jax.devices()
    lines = [version_line(), "", "machine"]
    lines += [
        _row("processor", processor()),
        _row("cores", f"{cores()} available to this process"),
        _row("memory", _memory()),
        _row("disk", f"{shutil.disk_usage(Path.cwd()).free / _GIB:.0f} GiB free here"),
        _row("vector units", ", ".join(vector_extensions()) or "not known"),
    ]
    for device in devices[:8]:
        held = (device.memory_stats() or {}).get("bytes_limit")
        room = f", {held / _GIB:.0f} GiB" if held else ""
        lines.append(_row(f"device {device.id}", f"{device.platform} {device.device_kind}{room}"))
    count, size = compile_cache.size()
    lines.append(
        _row("programs", f"{count} cached in {compile_cache.default_folder()}, {size >> 20} MiB")
    )
    lines += ["", "packages", *(_row(name, _version(name)) for name in PACKAGES)]
    lines += [_row(f"jssl[{extra}]", _version(name)) for extra, name in EXTRAS.items()]
    advice = slow_here()
    lines += ["", "what will be slow here" if advice else "nothing here is known to be slow"]
    return lines + [f"  - {sentence}" for sentence in advice]


def slow_here() -> list[str]:
    """What will be slow or will not work on this machine, a sentence each."""
    import jax

    found = []
    platform_name, devices = jax.default_backend(), jax.device_count()
    if platform_name == "cpu":
        found.append(
            f"JAX computes on the CPU ({cores()} cores): experiments whose names end in _digits, "
            "_shapes or _small take minutes; those of papers take days. On a machine with a GPU "
            "or TPU, install JAX for it (pip install 'jax[cuda13]' or 'jax[tpu]')."
        )
        if Path("/proc/driver/nvidia/version").exists():
            found.append(
                "This machine has an NVIDIA GPU that JAX does not see: pip install 'jax[cuda13]'."
            )
        if devices > 1:
            found.append(
                f"XLA_FLAGS fakes {devices} devices on this CPU: they share its cores, and "
                "compiled programs are not cached."
            )
        units = vector_extensions()
        if units and not {"avx2", "asimd"} & set(units):
            found.append("The processor has no AVX2: products of matrices run far below par.")
    if (memory := available_memory()) is not None and memory < 4 * _GIB:
        found.append(
            f"{memory / _GIB:.1f} GiB of memory are free; compiling a ViT or ResNet step and its "
            "data need about 4."
        )
    if "jax_disable_jit" in jax.config.values and jax.config.jax_disable_jit:
        found.append("JAX_DISABLE_JIT is set: every operation runs on its own.")
    if jax.config.jax_enable_x64:
        found.append("JAX_ENABLE_X64 is set, with which jssl is not tested.")
    if shutil.disk_usage(Path.cwd()).free < 2 * _GIB:
        found.append("Less than 2 GiB of disk are free here, where runs and checkpoints go.")
    return found


def _memory() -> str:
    free = available_memory()
    if free is None:
        return "not known"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / _GIB:.0f} GiB, {free / _GIB:.1f} GiB free"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _row(name: str, value: str) -> str:
    return f"  {name:22}{value}"
