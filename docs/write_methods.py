"""Writes docs/methods/: an index and one page a method, from the code and the result files.

    python docs/write_methods.py

The text of a page comes from the method's docstring, whose paragraphs may begin with one of
`SECTIONS`. Published figures come from the experiments (`Experiment.expected`), ours from results/.

The paragraph `Equation:` holds formulas, separated by semicolons, and after ", where" the meaning
of their symbols, which the page shows below the block of the formulas.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jssl.config import experiment
from jssl.config.meanings import described
from jssl.core.intervals import mean_spread, plus_minus
from jssl.methods.base import Method
from jssl.studies.suite import points

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "methods"
STUDIES = {
    "procedural shapes, short run": ROOT / "results" / "learning_shapes.json",
    "CIFAR-10, JPEG copy, part": ROOT / "results" / "learning_images.json",
}
"""Results of one small protocol on all image methods; the index shows the first."""
MODALITIES = ROOT / "results" / "modalities.json"
TABLES = {"CIFAR-10, JPEG copy": ROOT / "results" / "cifar10_small.json"}

SECTIONS = {
    "Equation": "Loss",
    "Views": "Views",
    "Remembers": "Memory",
    "Collapse": "Collapse",
    "BatchNorm of the teacher": "BatchNorm of the teacher",
    "BatchNorm": "BatchNorm",
    "Defaults": "Default values",
    "Differs": "Differences from the original",
    "Unverified": "Unverified",
}
"""First words of a paragraph in a docstring -> heading of its section on the page."""
LINE = 95
"""Number of characters after which a line of an equation is broken at an operator."""
NEEDED = ("Equation", "Views", "Remembers", "Collapse")


@dataclasses.dataclass(frozen=True)
class Facts:
    """The contents of a docstring.

    Attributes:
      summary: first line of the docstring.
      text: paragraphs that belong to no section.
      sections: key of `SECTIONS` -> paragraphs, without the key where a colon follows it.
      attributes: hyper-parameter -> description.
    """

    summary: str
    text: tuple[str, ...]
    sections: dict[str, str]
    attributes: dict[str, str]


def facts(method: type[Method]) -> Facts:
    """Reads the docstring of a method."""
    body, _, _ = inspect.getdoc(method).partition("\nAttributes:\n")
    summary, *paragraphs = re.split(r"\n\s*\n", body.strip())
    text, sections = [], {}
    for paragraph in (" ".join(p.split()) for p in paragraphs):
        key = next((key for key in SECTIONS if re.match(rf"{key}\b", paragraph)), None)
        if re.match("The fields (of the projector )?are those of", paragraph):
            continue  # the page lists them
        if key is None:
            text.append(paragraph)
        else:
            said = re.sub(r"^Differs from ([^:]+):", r"Compared with \1:", paragraph)
            said = re.sub(rf"^{key}[^:.,(]*:", "", said).strip()
            said = said if key == "Equation" else _capital(said)
            said = "None." if said == "Nothing." else said
            sections[key] = f"{sections[key]}\n\n{said}" if key in sections else said
    attributes: dict[str, str] = {}
    for kind in reversed(method.__mro__):  # the nearest class describes an inherited field
        attributes |= described(kind)
    return Facts(" ".join(summary.split()), tuple(text), sections, attributes)


def pages() -> dict[str, str]:
    """File name -> text of every page."""
    experiments = {name: experiment.load(name) for name in experiment.names()}
    studies = {data: json.loads(path.read_text())["methods"] for data, path in STUDIES.items()}
    found = {"README.md": _index(next(iter(studies.values())))}
    for name, method in sorted(experiment.methods().items()):
        own = {key: run for key, run in experiments.items() if type(run.method) is method}
        learnt = {
            data: row for data, rows in studies.items() for row in rows if row["method"] == name
        }
        found[f"{name.split('/')[1]}.md"] = _page(name, method, own, learnt)
    return found


def _index(study: list[dict[str, Any]]) -> str:
    gains = {row["method"]: row for row in study}
    lines = [
        "# Methods",
        "",
        "Written by `python docs/write_methods.py`; do not edit by hand. The last two columns are",
        "the probe's gain over the untrained encoder in a short run on procedural shapes, in",
        "points, and whether it exceeds the method's margin ([table](../../results/"
        "learning_shapes.md)).",
        "The same methods on a part of CIFAR-10, all with one small budget:",
        "[table](../../results/learning_images.md). Methods on other data than images:",
        "[page](../modalities.md).",
        "",
        "| family | method | paper | gain on shapes | cleared |",
        "|---|---|---|---:|---|",
    ]
    for name, method in sorted(experiment.methods().items()):
        family, short = name.split("/")
        row = gains.get(name)
        gain = points(row["gain"], "+") if row else "–"
        cleared = ("yes" if row["cleared"] else "**no**") if row else "–"
        title = f"{method.paper} (in part)" if method.partial else method.paper
        lines.append(
            f"| {family} | [{method.__name__}]({short}.md) | {title} | {gain} | {cleared} |"
        )
    return "\n".join(lines) + "\n"


def _page(
    name: str,
    method: type[Method],
    experiments: dict[str, experiment.Experiment],
    learnt: dict[str, dict[str, Any]],
) -> str:
    said = facts(method)
    module = inspect.getdoc(inspect.getmodule(method))
    headline, _, source = module.partition("\n\n")
    headline = " ".join(headline.split())
    subject, colon, rest = headline.partition(": ")
    if colon and _letters(subject) == _letters(method.__name__):
        headline = _capital(rest)
    family = name.split("/")[0]
    lines = [f"# {method.__name__}", "", headline, ""]
    lines += [f"- Paper: {' '.join(source.split()) or method.paper}"]
    lines += [
        f"- Family: {family}",
        f"- Code: [jssl/methods/{name}.py](../../jssl/methods/{name}.py)",
    ]
    if method.partial:
        lines += ["", f"**In part.** {method.partial}"]
    lines += ["", "## What it computes", "", said.summary, *(f"\n{p}" for p in said.text)]
    for key, heading in SECTIONS.items():
        if key not in said.sections:
            continue
        block = said.sections[key]
        lines += ["", f"## {heading}", ""]
        lines += _equation(block) if key == "Equation" else [block]
    lines += ["", "## Hyper-parameters", "", "| name | default | description |", "|---|---|---|"]
    for field in dataclasses.fields(method):
        about = said.attributes.get(field.name) or _inherited(method, field.name)
        needed = field.default is dataclasses.MISSING
        default = "required" if needed else f"`{field.default!r}`"
        lines.append(f"| `{field.name}` | {default} | {_cell(about)} |")
    lines += ["", "## Results", ""]
    lines += _published(experiments) + _ours(experiments, learnt)
    lines += ["", "## Runs", ""]
    lines += [f"- `jssl train {key}`: {_about(key)}" for key in experiments]
    return "\n".join(lines) + "\n"


def _published(experiments: dict[str, experiment.Experiment]) -> list[str]:
    rows = [
        f"| {key.split('_')[-1]} | {what} | {_figure([value], 'MSE' not in what)} | {source} |"
        for key, run in experiments.items()
        for what, value, source in run.expected
    ]
    if not rows:
        return ["No published figure that this project's experiments could be held against."]
    return ["| data | probe | published | source |", "|---|---|---:|---|", *rows]


def _ours(
    experiments: dict[str, experiment.Experiment], learnt: dict[str, dict[str, Any]]
) -> list[str]:
    rows = []
    for data, row in learnt.items():
        pair = points(row["trained"]), points(row["untrained"])
        rows.append((data, row["judge"], *pair, row["seeds"]))
    for data, path in TABLES.items():
        own = [run for run in json.loads(path.read_text()) if run["name"] in experiments]
        for probe in ("knn", "linear") if own else ():
            pair = (_figure(_tops(own, row, probe), True) for row in ("trained", "untrained"))
            rows.append((data, probe, *pair, [run["seed"] for run in own]))
    for entry in json.loads(MODALITIES.read_text())["data"]:
        link = f"[{entry['data']}](../modalities.md)"
        for run in entry["methods"].values():
            if run["experiment"] in experiments:
                first = entry["first"]
                pair = (_figure(run[r][first], entry["percent"]) for r in ("trained", "untrained"))
                rows.append((link, first, *pair, run["seeds"]))
    if not rows:
        return ["", "Nothing has been measured here yet."]
    lines = ["", "| data | probe | ours | untrained | seeds |", "|---|---|---:|---:|---|"]
    for *cells, seeds in rows:
        lines.append(f"| {' | '.join(cells)} | {len(seeds)} |")
    study = learnt.get(next(iter(STUDIES)))
    if study and not study["cleared"]:
        lines += ["", f"**Not working** on shapes at this budget. {study['tried']}".strip()]
    return [*lines, "", "Accuracies in %; errors and correlations are not scaled."]


def _tops(runs: list[dict[str, Any]], row: str, probe: str) -> list[float | None]:
    """Mean and, of several, standard deviation of a probe's accuracies."""
    column = "k=20" if probe == "knn" else probe
    tops = [
        record["rows"][row][column]["value"]
        for run in runs
        for record in run["records"]
        if record["protocol"]["name"] == probe
    ]
    return list(mean_spread(tops))


def _figure(value: list[float | None], percent: bool) -> str:
    """A mean with its spread, where there is one."""
    return plus_minus(*value, percent=percent, digits=".1f" if percent else ".3f")


def _about(key: str) -> str:
    return experiment.about(key).split("\n", 1)[0]


def _inherited(method: type[Method], field: str) -> str:
    for base in method.__mro__[1:]:
        if issubclass(base, Method) and base.__doc__:
            found = facts(base).attributes.get(field)
            if found:
                return found
    return ""


def _capital(text: str) -> str:
    """The text with a capital letter, unless it begins with a name such as iBOT or data2vec."""
    return text if re.match(r"[a-z]+[A-Z0-9]", text) else text[:1].upper() + text[1:]


def _cell(text: str) -> str:
    """A phrase as a cell of a table, with a capital letter and without its final full stop."""
    text = _capital(text).replace("|", r"\|")
    return text.removesuffix(".") if ". " not in text else text


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _equation(text: str) -> list[str]:
    """The formulas of a paragraph as a block, and the meaning of their symbols below it."""
    formulas, where, meaning = text.partition(", where ")
    parts = [part.strip() for part in _split(formulas.rstrip("."), ";")]
    lines = ["```", *(line for part in parts for line in _broken(part)), "```"]
    return [*lines, "", f"where {meaning}"] if where else lines


def _split(text: str, marks: str) -> list[str]:
    """Splits before each of `marks` that stands outside of all brackets and bars."""
    found, depth, bars = [""], 0, 0
    for i, mark in enumerate(text):
        depth += (mark in "([{") - (mark in ")]}")
        bars += mark == "|"
        free = depth == 0 and bars % 2 == 0
        if free and mark in marks and (mark == ";" or text[i - 1 : i + 2] == f" {mark} "):
            found.append("")
        if mark != ";" or not free:
            found[-1] += mark
    return found


def _broken(formula: str) -> list[str]:
    """A formula on one line, or broken before the sums and differences of its terms."""
    lines = [""]
    for term in _split(formula, "+-") if len(formula) > LINE else [formula]:
        if lines[-1] and len(lines[-1]) + len(term) > LINE:
            lines.append("    ")
        lines[-1] += term
    return [line.rstrip() for line in lines]


def main() -> None:
    """Writes every page, and removes pages of methods that are gone."""
    FOLDER.mkdir(exist_ok=True)
    found = pages()
    for old in set(FOLDER.glob("*.md")) - {FOLDER / name for name in found}:
        old.unlink()
    for name, text in found.items():
        (FOLDER / name).write_text(text)
    print(f"wrote {len(found)} pages to {FOLDER}")


if __name__ == "__main__":
    main()
