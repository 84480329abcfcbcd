"""A model card: what is known of an encoder, from the record of its run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jssl import __version__
from jssl.core.table import Table
from jssl.errors import UserError
from jssl.evaluation import run_table
from jssl.evaluation.evaluating import FOLDER
from jssl.evaluation.reading import read_records
from jssl.evaluation.tables import record_table
from jssl.interop.encoder import Encoder
from jssl.runs.identity import PARTS, accepted
from jssl.runs.run import Run, read_record

UNKNOWN_LICENCE = "unknown"


def model_card(
    encoder: Encoder,
    run: Run | None,
    *,
    name: str,
    licence: str | None,
    files: Mapping[str, str],
    library: str,
) -> str:
    """The README.md of an exported encoder.

    Args:
      encoder: the encoder.
      run: the run it is from; None for weights from elsewhere.
      name: heading.
      licence: SPDX identifier of the weights, as its author gives it; None if it is not known.
      files: name -> what it holds, for the reader.
      library: of the front matter, "jssl" or "timm".

    Returns:
      Markdown with the front matter of model hubs.
    """
    lines = [
        "---",
        f"license: {licence or UNKNOWN_LICENCE}",
        f"library_name: {library}",
        "tags:",
        "- self-supervised-learning",
        "- feature-extraction",
        "---",
        "",
        f"# {name}",
        "",
    ]
    size = sum(leaf.size for leaf in _leaves(encoder.variables))
    lines += [
        f"An encoder ({type(encoder.module).__name__}, {size:,} numbers) written by jssl "
        f"{__version__} from {'a run' if run else 'weights'}. SHA-256 of the weights: "
        f"`{encoder.fingerprint}`.",
        "",
        "| file | content |",
        "|---|---|",
        *(f"| `{file}` | {what} |" for file, what in files.items()),
        "",
        "## Input",
        "",
        f"{_input(encoder)} Preprocessing in jssl: `{encoder.pipeline!r}`.",
        "",
    ]
    if run is not None:
        lines += _of_run(run, encoder)
    lines += [
        "## Licence",
        "",
        f"{licence}." if licence else "The author of this export has named no licence.",
        "",
    ]
    return "\n".join(lines)


def _leaves(tree: Any) -> Sequence[Any]:
    import jax

    return jax.tree.leaves(tree)


def _input(encoder: Encoder) -> str:
    leaves = _leaves(encoder.input)
    shapes = " and ".join(f"{leaf.dtype} [B, {', '.join(map(str, leaf.shape))}]" for leaf in leaves)
    return f"The encoder takes {shapes}."


def _of_run(run: Run, encoder: Encoder) -> list[str]:
    record = read_record(run.folder)
    data = record.get("data") or {}
    sizes = ", ".join(
        f"{data[part]['examples']} {part} (fingerprint `{data[part]['fingerprint']}`)"
        for part in PARTS
        if part in data
    )
    method = type(run.experiment.method)
    lines = [
        "## Training",
        "",
        f"- Method: {method.__name__} ({method.paper or 'own'})",
        f"- Experiment: `{_shown(run.experiment.name)}`, seed {run.seed}, step "
        f"{encoder.facts.get('step')}, run fingerprint `{run.fingerprint}`",
        f"- Data: {_data_name(run)}: {sizes or 'not recorded'}",
        f"- Changes to the experiment: {', '.join(f'`{o}`' for o in run.overrides) or 'none'}",
        f"- Hardware: {record.get('hardware', 'not recorded')}; "
        + ", ".join(f"{k} {v}" for k, v in (record.get("versions") or {}).items()),
        *(f"- {sentence}" for sentence in accepted(record)),
        "",
        "<details><summary>Recipe</summary>",
        "",
        "```json",
        json.dumps(record["experiment"], indent=1),
        "```",
        "",
        "</details>",
        "",
        "## Figures",
        "",
    ]
    tables = figures(run)
    if not tables:
        return [*lines, "The run has not been evaluated.", ""]
    for title, table in tables:
        lines += [f"### {title}", "", table.markdown().rstrip(), ""]
    return lines


def _shown(name: str) -> str:
    """A file of the user's by its name alone: the folder it lies in is nobody's business."""
    return Path(name).name if name.endswith(".py") else name


def _data_name(run: Run) -> str:
    spec = run.experiment.data
    name = getattr(spec, "name", None)
    return str(name) if isinstance(name, str) and name else type(spec).__name__


def figures(run: Run) -> list[tuple[str, Table]]:
    """The tables of a run's evaluations, with intervals: the page's and the protocols'."""
    found = []
    if run.results.is_file():
        with contextlib.suppress(UserError):  # a damaged file; the card lacks the table
            table = run_table.run_table(run_table.load(run.results))
            found.append(("kNN, linear and few labels", table))
    for path in sorted((run.folder / FOLDER).glob("*.json")):
        with contextlib.suppress(UserError):
            found += [(path.stem, record_table(record)) for record in read_records([path])]
    return found
