"""The search for a strength of regularisation, and that there is one grid of them."""

import ast
import re
from pathlib import Path

import pytest

from jssl.errors import UserError
from jssl.evaluation.protocols import protocol
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, edge_notes, search

ROOT = Path(__file__).resolve().parents[2]
# They time or compare solvers at given values, and select none.
EXEMPT = {"benchmarks/evaluation_parity.py", "benchmarks/evaluation_speed.py"}


def test_every_candidate_is_tried_and_the_best_may_follow_worse_ones():
    scores = {1e-4: 0.3, 1e-3: 0.2, 1e-2: 0.1, 1e-1: 0.1, 1.0: 0.1, 10.0: 0.2, 100.0: 0.5}
    choice = search(lambda c: scores.get(c, 0.4), STRENGTHS, BOUNDS)
    assert (choice.value, choice.score, choice.at_edge) == (100.0, 0.5, False)
    assert tuple(choice.scores) == STRENGTHS


def test_a_grid_grows_at_both_ends_until_its_bounds():
    rising = search(lambda c: c, (1.0, 10.0), (0.1, 1000.0))
    assert tuple(rising.scores) == (1.0, 10.0, 100.0, 1000.0)
    assert (rising.value, rising.at_edge) == (1000.0, True)
    falling = search(lambda c: -c, (10.0, 1.0), (0.1, 1000.0))
    assert (falling.value, falling.at_edge) == (0.1, True)
    peak = search(lambda c: -abs(c - 100), (1.0, 10.0), BOUNDS)
    assert (peak.value, peak.at_edge, max(peak.scores)) == (100.0, False, 1000.0)
    penalty = search(lambda c: c, (10.0, 1.0), (0.1, 1000.0), strong_is_large=True)
    assert tuple(penalty.scores) == (10.0, 1.0, 100.0, 1000.0) and penalty.at_edge


def test_ties_go_to_the_stronger_candidate_and_end_the_search():
    flat = search(lambda c: 0.5, (0.1, 1.0, 10.0), BOUNDS)
    assert (flat.value, flat.at_edge, min(flat.scores)) == (0.1, False, 0.01)
    assert search(lambda c: 0.5, (1.0, 10.0), BOUNDS, strong_is_large=True).value == 10.0


def test_a_single_value_is_used_as_it_is_and_bad_grids_are_refused():
    single = search(lambda c: c, (0.3,), BOUNDS)
    assert (single.value, single.at_edge, len(single.scores)) == (0.3, False, 1)
    for grid in ((), (0.0, 1.0), (-1.0,), (float("nan"),)):
        with pytest.raises(UserError, match="positive strengths"):
            search(lambda c: c, grid, BOUNDS)


def test_a_record_says_that_the_bound_was_reached():
    ends = {"at_edge": True, "strength": 1e5}
    (said,) = edge_notes(ends, "trained")
    assert said == (
        "The C of trained, 100000, lies at the bound of the search; a better one may lie beyond."
    )
    few = {"1 a class": ends, "5 a class": {**ends, "at_edge": False}}
    assert [note.split(", 1e")[0] for note in edge_notes(few, "untrained")] == [
        "The C of untrained, 1 a class, 100000, lies at the bound of the search; a better one may "
        "lie beyond."
    ]
    assert edge_notes({"at_edge": True, "learning_rate": 0.1}, "trained") == []
    (penalty,) = edge_notes({"at_edge": True, "penalty": 1e8}, "trained")
    assert penalty.startswith("The penalty of trained, 1e+08,")


def test_every_protocol_with_strengths_has_the_one_grid():
    for name in ("linear", "few_labels", "few_labels_a_class", "layer_weighted", "site", "svm"):
        assert protocol(name).strengths == STRENGTHS and protocol(name).bounds == BOUNDS, name
    assert protocol("nodes").strengths == STRENGTHS


def grids(tree: ast.AST) -> list[int]:
    """Lines that write a grid of strengths: several numbers for a name or argument of that kind."""

    def several(node: ast.AST | None) -> bool:
        literal = isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1
        return literal and all(isinstance(inner, ast.Constant) for inner in node.elts)

    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("strengths", "Cs", "penalties"):
            found += [node.value.lineno] * several(node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = any(isinstance(n, ast.Name) and _of_a_probe(n.id) for n in names)
            found += [node.lineno] * (named and several(node.value))
        elif isinstance(node, ast.For | ast.ListComp | ast.DictComp | ast.GeneratorExp):
            loops = [node] if isinstance(node, ast.For) else node.generators
            fits = any(isinstance(n, ast.keyword) and n.arg == "C" for n in ast.walk(node))
            found += [node.lineno] * (fits and any(several(loop.iter) for loop in loops))
    return sorted(found)


def _of_a_probe(name: str) -> bool:
    return name.lower() in ("strengths", "penalties")


def test_nothing_else_writes_a_grid():
    assert grids(ast.parse("Linear(strengths=(0.1, 1.0))\n[SVC(C=c) for c in (1, 10)]")) == [1, 2]
    assert grids(ast.parse("strengths: tuple = (0.1, 1.0)\nSTRENGTHS = (1.0, 2.0)")) == [1, 2]
    found = {}
    for room in ("jssl", "benchmarks", "experiments", "docs", "results", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            text = path.read_text()
            if name in EXEMPT or not re.search(r"strengths|penalties|\bC=", text, re.IGNORECASE):
                continue
            lines = grids(ast.parse(text))
            if lines:
                found[name] = lines
    assert found == {}
