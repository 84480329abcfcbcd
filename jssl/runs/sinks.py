"""Finds the sinks that a run's options name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jssl.config import user_code
from jssl.errors import UserError, nearest
from jssl.logging.services import SERVICES
from jssl.logging.sinks import RunFacts, Sink, Sinks
from jssl.runs.run import Run, read_record

_METHODS = ("open", "write", "close")


def resolve(sinks: Sequence[Any]) -> list[Sink]:
    """Makes the sinks of a run; nothing is opened yet.

    Args:
      sinks: each a name of `jssl.logging.services.SERVICES`, "module:Class" or "file.py:Class" of a
        user's class that is called without arguments, such a class, or a sink.

    Returns:
      The sinks, in the same order.

    Raises:
      UserError: a package is not installed, or there is no such sink, module or class.
    """
    if isinstance(sinks, str):
        raise UserError(f"sinks is a list of sinks, not a text; write sinks=[{sinks!r}]")
    return [_made(sink) for sink in sinks]


def opened(sinks: Sequence[Sink], run: Run, start: int, warn: Callable[[str], None]) -> Sinks:
    """Opens the sinks of a run that goes on from step `start`; see `jssl.logging.sinks.Sinks`."""
    record = read_record(run.folder)
    facts = RunFacts(run.folder, run.experiment.name, run.fingerprint, record, start)
    return Sinks(sinks, facts, warn)


def _made(sink: Any) -> Sink:
    name = sink if isinstance(sink, str) else getattr(sink, "__name__", type(sink).__name__)
    if isinstance(sink, str):
        sink = _class_of(sink)
    if isinstance(sink, type):
        try:
            with user_code.errors_named():
                sink = sink()
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the sink {name} cannot be made: {error}") from error
    missing = [method for method in _METHODS if not callable(getattr(sink, method, None))]
    if missing:
        raise UserError(
            f"the sink {name} has no {' and no '.join(missing)}: a sink has "
            f"{', '.join(_METHODS)} (derive it from jssl.logging.sinks.Sink)"
        )
    return sink


def _class_of(name: str) -> type:
    if name in SERVICES:
        return SERVICES[name]
    place, colon, attribute = name.rpartition(":")
    if not colon or not place or not attribute.isidentifier():
        raise UserError(
            f"no sink is called {name!r}: {nearest(name, SERVICES)}; a class of your own is named "
            "module:Class or file.py:Class"
        )
    if user_code.is_file(place):
        module = user_code.load(Path(place))
    else:
        try:
            with user_code.errors_named():
                module = importlib.import_module(place)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"the module {place} of the sink {name} cannot be imported "
                f"({type(error).__name__}: {error}); it must be installed or on PYTHONPATH, or "
                f"named as a file: {place}.py:{attribute}"
            ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, type):
        raise UserError(f"{place} has no class {attribute}, which the sink {name} names")
    return found
