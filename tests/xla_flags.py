"""Flags of XLA that make tests faster, as far as the installed XLA knows them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

WANTED = (
    # The older emitters compile unoptimised programs twice as fast; the numbers are the same.
    "--xla_cpu_use_fusion_emitters=false",
    # One part of a small program at a time: fewer modules for LLVM, a fifth less time.
    "--xla_cpu_parallel_codegen_split_count=1",
    # On a busy machine, faked devices wait for each other for longer than the 40 s after
    # which XLA ends the process.
    "--xla_cpu_collective_call_terminate_timeout_seconds=900",
    "--xla_cpu_collective_timeout_seconds=900",
)


def known_flags(folder: Path) -> list[str]:
    """The flags of `WANTED` that the installed XLA knows; an unknown one ends its process.

    They are tried in processes of their own, all together and then each, and the answer is kept by
    the version of jaxlib.
    """
    version = importlib.metadata.version("jaxlib")
    kept = folder / f"xla_flags_{version}.json"
    try:
        known = json.loads(kept.read_text())
    except (OSError, ValueError):
        known = {}
    if not set(WANTED) <= set(known):
        together = _are_known(*WANTED)
        known = {flag: together or _are_known(flag) for flag in WANTED}
        folder.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(known))
        part.replace(kept)
    return [flag for flag in WANTED if known[flag]]


def _are_known(*flags: str) -> bool:
    code = "import jax; jax.devices('cpu')"
    environment = {**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu"}
    tried = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    return tried.returncode == 0
