"""Methods beyond images on real data: three seeds, beside untrained encoders and simple baselines.

    python benchmarks/learning_modalities.py run --data DIR [--only series/ tabular/adult ...]
    python benchmarks/learning_modalities.py table

DIR holds the data sets as they are published, in any folders: files are found by their names (see
`modality_data.py`). `run` makes what is missing in results/modalities/, one
JSON file a run and one for the baselines of each data set, and can be stopped anywhere; `table`
writes results/modalities.json and docs/modalities.md. Choices (strength of a probe) are made on the
validation split; the table shows the test split.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))
FOLDER = ROOT / "results" / "modalities"
PAGE = ROOT / "docs" / "modalities.md"

import modality_cases as cases  # noqa: E402
import modality_data  # noqa: E402
import modality_page as page  # noqa: E402
import modality_runs as runs  # noqa: E402

from jssl.errors import UserError  # noqa: E402
from jssl.runs.run import write_json  # noqa: E402


def run(root: Path, only: list[str], seeds: list[int]) -> None:
    """Makes the records that are missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for data in modality_data.DATA.values():
        wanted = [c for c in cases.CASES if c.data == data.name and chosen(c.name, only)]
        if not wanted:
            continue
        path = FOLDER / f"{data.name.replace('/', '.')}.baselines.json"
        if not path.exists() or json.loads(path.read_text())["grids"] != runs.GRIDS:
            write_json(path, runs.baselines(data, root))
            print(path.name, json.loads(path.read_text())["scores"], flush=True)
        for seed in seeds:
            for case in wanted:
                path = FOLDER / f"{case.name.replace('/', '.')}.seed{seed}.json"
                if path.exists() and not stale(path, case, root, seed):
                    continue
                write_json(path, runs.measure(case, root, seed))
                record = json.loads(path.read_text())
                rows = {k: record["scores"][k] for k in ("trained", "untrained")}
                print(path.name, f"{record['seconds']:.0f} s", rows, flush=True)


def chosen(name: str, only: list[str]) -> bool:
    """Whether a case is, or lies in, one of those named; all do where none is."""
    return not only or any(f"{name}/".startswith(f"{word.rstrip('/')}/") for word in only)


def stale(path: Path, case: cases.Case, root: Path, seed: int) -> bool:
    """Whether a record was made by other settings, or its probes chose from other grids."""
    saved = json.loads(path.read_text())
    wanted = runs.fingerprint(case, root, seed)
    return saved["fingerprint"] != wanted or saved["grids"] != runs.GRIDS


def records() -> list[dict]:
    """All records, sorted by file name."""
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    if not found:
        raise UserError(f"{FOLDER} has no record yet: run the benchmark first")
    return found


def main() -> None:
    """Runs what is missing, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("run", "table"))
    parser.add_argument("--data", type=Path, default=Path("."))
    parser.add_argument("--only", nargs="*", default=[], help="cases, or their data or modality")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    if arguments.verb == "run":
        run(arguments.data, arguments.only, arguments.seeds)
    else:
        found = records()
        table = page.summary(found)
        FOLDER.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")
        PAGE.write_text(page.text(table))


if __name__ == "__main__":
    main()
