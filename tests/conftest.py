"""Eight faked CPU devices, quick compilation and a cache of it, set before JAX starts."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("JAX_PLATFORMS", "cpu")
flags = os.environ.get("XLA_FLAGS", "")
if "xla_force_host_platform_device_count" not in flags:
    flags = f"{flags} --xla_force_host_platform_device_count=8"
# The older emitters compile unoptimised programs twice as fast, to others that compute the same.
if "xla_cpu_use_fusion_emitters" not in flags:
    flags = f"{flags} --xla_cpu_use_fusion_emitters=false"
# Two gathers at once can take the threads that each other's devices wait for.
if "xla_cpu_enable_concurrency_optimized_scheduler" not in flags:
    flags = f"{flags} --xla_cpu_enable_concurrency_optimized_scheduler=false"
os.environ["XLA_FLAGS"] = flags.strip()
# Compiled programs are shared by the workers of pytest-xdist and by later runs.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
