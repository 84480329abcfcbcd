"""List options may stand before or after what a command is about."""

from pathlib import Path

import pytest

from jssl.cli import parser
from jssl.commands.options import settle


def parsed(*argv: str):
    arguments = parser().parse_args(argv)
    settle(arguments)
    return arguments


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["train", "N", "--set", "a=1", "b=2"], {"name": "N", "overrides": ["a=1", "b=2"]}),
        (["train", "--set", "a=1", "N"], {"name": "N", "overrides": ["a=1"]}),
        (["train", "--set", "a=1", "b=2", "N"], {"name": "N", "overrides": ["a=1", "b=2"]}),
        (["train", "--set", "a=1", "N", "b=2"], {"name": "N", "overrides": ["a=1", "b=2"]}),
        (
            ["train", "--set", "a=1", "--seed", "3", "N", "--set", "b=2"],
            {"name": "N", "overrides": ["a=1", "b=2"], "seed": 3},
        ),
        (["train", "N", "--probes", "knn", "rankme"], {"name": "N", "probes": ["knn", "rankme"]}),
        (["train", "--probes", "rankme", "N"], {"name": "N", "probes": ["rankme"]}),
        (["train", "N"], {"name": "N", "probes": ["knn"], "overrides": []}),
        (["plan", "--set", "batch_size=8", "N"], {"name": "N", "overrides": ["batch_size=8"]}),
        (
            ["sweep", "--grid", "a=1,2", "--set", "b=3", "N"],
            {"name": "N", "grid": ["a=1,2"], "overrides": ["b=3"]},
        ),
        (
            ["evaluate", "--protocol", "knn", "ridge", "runs/x/a=1,seed0"],
            {"folder": Path("runs/x/a=1,seed0"), "protocol": ["knn", "ridge"]},
        ),
        (
            ["evaluate", "--protocol", "knn", "--set", "epochs=2", "runs/x/a=1,seed0"],
            {"folder": Path("runs/x/a=1,seed0"), "overrides": ["epochs=2"], "protocol": ["knn"]},
        ),
        (["evaluate", "--protocol", "knn"], {"folder": None, "protocol": ["knn"]}),
        (
            ["reproduce", "--set", "a=1", "cifar10"],
            {"name": "cifar10", "overrides": ["a=1"], "rows": []},
        ),
        (["reproduce", "--rows", "SimCLR", "cifar10"], {"name": "cifar10", "rows": ["SimCLR"]}),
    ],
)
def test_orders(argv: list[str], expected: dict) -> None:
    arguments = parsed(*argv)
    assert {key: getattr(arguments, key) for key in expected} == expected


def test_what_is_missing_is_named(capsys) -> None:
    for argv in (["train", "--set", "a=1"], ["train"], ["sweep", "--seeds", "2"]):
        with pytest.raises(SystemExit) as left:
            parsed(*argv)
        assert left.value.code == 2
        assert "the following arguments are required: name" in capsys.readouterr().err
