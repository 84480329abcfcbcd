"""Records and folders of runs that were never trained, for the tests of pages."""

import json
from pathlib import Path

from jssl.evaluation import run_table
from jssl.evaluation.record import Record


def score(value, interval=0.01):
    return {"value": value, "interval": interval, "percent": True, "converged": True}


def record(name, rows, *, fingerprint="f", seed=0, settings=None, test="t"):
    """A record of a protocol; `rows` is row -> column -> (value, interval)."""
    split = {"size": 300, "fingerprint": test}
    return Record(
        protocol={
            "name": name,
            "id": f"{name}-v1",
            "about": "",
            "source": "",
            "settings": settings or {},
        },
        run={"name": "image/x", "seed": seed, "fingerprint": fingerprint, "overrides": []},
        data={
            "name": "digits",
            "classes": 10,
            "chance": 0.1,
            "splits": {"train": split, "validation": split, "test": split},
        },
        rows={row: {c: score(*s) for c, s in columns.items()} for row, columns in rows.items()},
        details={},
        notes=[],
        seeds={"training": seed, "evaluation": 0},
        versions={},
        hardware="1 x cpu (x86_64)",
        command="jssl evaluate",
    )


def table_records(linear, few=None, **more):
    """The three records of a run's table; `linear` and `few` are row -> (value, interval)."""
    few = few or linear
    settings = {"temperature": 0.07, "refit": "train", "per_class": [10], "draws": 10}
    return [
        record("knn", {r: {"k=20": s} for r, s in linear.items()}, settings=settings, **more),
        record("linear", {r: {"linear": s} for r, s in linear.items()}, settings=settings, **more),
        record(
            "few_labels_a_class",
            {r: {"10 a class": s} for r, s in few.items()},
            settings=settings,
            **more,
        ),
    ]


def write_run(
    folder: Path,
    *,
    name="image/x",
    seed=0,
    experiment=None,
    overrides=(),
    results=None,
    protocols=None,
    losses=(3.0, 2.0, 1.0),
    test="t",
    **facts,
):
    """Writes a run's folder by hand and returns it."""
    folder.mkdir(parents=True)
    content = {
        "fingerprint": f"{name}{seed}",
        "name": name,
        "seed": seed,
        "overrides": list(overrides),
        "experiment": {"batch_size": 8, "method": {"temperature": 0.1}, **(experiment or {})},
        "method": "contrastive/SimCLR",
        "hardware": "1 x cpu (x86_64)",
        "data": {
            "train": {"examples": 20, "fingerprint": "a"},
            "validation": {"examples": 5, "fingerprint": "b"},
            "test": {"examples": 5, "fingerprint": test},
        },
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(content))
    lines = [json.dumps({"step": 10 * i, "loss": x}) + "\n" for i, x in enumerate(losses, 1)]
    (folder / "metrics.jsonl").write_text("".join(lines))
    if results is not None:
        run_table.save(results, folder / "results.json")
    for protocol, found in (protocols or {}).items():
        found.save(folder / "evaluations" / f"{protocol}.json")
    return folder
