"""The catalogue of all experiments and methods, found by walking the folders."""

from __future__ import annotations

from typing import Any

from jssl.config import experiment, registry


def entries(pattern: str = "") -> dict[str, list[dict[str, Any]]]:
    """Experiments and methods as plain values.

    Args:
      pattern: only entries whose name contains it, ignoring case.

    Returns:
      {"experiments": [{name, method, family, paper, about}], "methods": [{name, class, family,
      paper, about}]}, each list sorted by name. Where a part of what the title promises is missing,
      `partial` says which: of an experiment, its module's `PARTIAL`, else its method's `partial`.
    """
    experiments = []
    for name in filter(lambda name: pattern.lower() in name.lower(), experiment.names()):
        loaded, module = experiment.load(name), experiment.load_module(name)
        experiments.append(
            {
                "name": name,
                "method": type(loaded.method).__name__,
                "family": loaded.family,
                "paper": loaded.paper,
                "about": registry.experiments()[name].about,
                **_partial(getattr(module, "PARTIAL", loaded.method.partial)),
            }
        )
    methods = [
        {
            "name": name,
            "class": method.__name__,
            "family": name.split("/")[0],
            "paper": method.paper,
            "about": registry.methods()[name].about,
            **_partial(method.partial),
        }
        for name, method in sorted(experiment.methods().items())
        if pattern.lower() in name.lower()
    ]
    return {"experiments": experiments, "methods": methods}


def _partial(text: str) -> dict[str, str]:
    return {"partial": text} if text else {}
