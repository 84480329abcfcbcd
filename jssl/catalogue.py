"""What there is: every experiment and every method, found by walking the folders."""

from __future__ import annotations

import inspect
from typing import Any

from jssl import experiment


def entries() -> dict[str, list[dict[str, Any]]]:
    """Experiments and methods as plain values.

    Returns:
      {"experiments": [{name, method, family, paper, about}], "methods": [{name, class, family,
      paper, about}]}, each list sorted by name. Where a part of what the title promises is missing,
      `partial` says which: of an experiment, its module's `PARTIAL`, else its method's `partial`.
    """
    experiments = []
    for name in experiment.names():
        loaded, module = experiment.load(name), experiment.load_module(name)
        experiments.append(
            {
                "name": name,
                "method": type(loaded.method).__name__,
                "family": loaded.family,
                "paper": loaded.paper,
                "about": _first_line(module),
                **_partial(getattr(module, "PARTIAL", loaded.method.partial)),
            }
        )
    modules = experiment.method_modules()
    methods = [
        {
            "name": name,
            "class": method.__name__,
            "family": name.split("/")[0],
            "paper": method.paper,
            "about": _first_line(modules[name]),
            **_partial(method.partial),
        }
        for name, method in sorted(experiment.methods().items())
    ]
    return {"experiments": experiments, "methods": methods}


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    """The entries as text for a terminal."""
    lines = ["experiments (jssl train NAME)"]
    width = max(len(entry["name"]) for entry in found["experiments"])
    lines += [f"  {entry['name']:<{width}}  {entry['about']}" for entry in found["experiments"]]
    lines += ["", "methods (jssl/methods/NAME.py)"]
    width = max(len(entry["name"]) for entry in found["methods"])
    lines += [
        f"  {entry['name']:<{width}}  {entry['paper']}{' (in part)' if 'partial' in entry else ''}"
        for entry in found["methods"]
    ]
    return "\n".join(lines)


def _partial(text: str) -> dict[str, str]:
    return {"partial": text} if text else {}


def _first_line(module: Any) -> str:
    return (inspect.getdoc(module) or "").split("\n", 1)[0]
