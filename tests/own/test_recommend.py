"""What is recommended for one's own data in a budget; the measurement is replaced by a figure."""

import pytest
from own_files import flat, images

from jssl import cli
from jssl.errors import UserError
from jssl.own import OwnOptions
from jssl.own import recommend as module
from jssl.own.recommend import recommend


def quiet(line: str) -> None:
    del line


@pytest.fixture
def two_seconds(monkeypatch):
    """A step takes two seconds, reading a millisecond an example."""
    monkeypatch.setattr(module, "measure", lambda experiment, source: (2.0, 0.001))


def test_epochs_fill_the_budget(tmp_path, two_seconds) -> None:
    path = flat(tmp_path / "x", 100)
    found = recommend(path, 10, log=quiet)
    # 80 training images: a batch of 16 makes 5 steps of 2 s, so 10 s an epoch and 480 s of budget.
    assert "batch_size=16" in found.overrides and found.epochs == 47
    assert found.size == 64 and found.minutes < 8
    more = recommend(path, 20, log=quiet)
    assert more.epochs == 95
    few = recommend(path, 0.05, log=quiet)
    assert few.epochs == 1 and "more than the budget" in few.reasons[-1]


def test_the_command_can_be_parsed(tmp_path, two_seconds) -> None:
    images(tmp_path / "y", [f"{c}/{k}.png" for c in "ab" for k in range(40)])
    found = recommend(tmp_path / "y", 5, OwnOptions(label="none", size=32), log=quiet)
    words = found.command.split()
    arguments = cli.parser().parse_args(words[1:])
    assert arguments.name == found.name == "image/simclr_own"
    assert arguments.label == "none" and arguments.size == 32
    assert set(arguments.overrides) == set(found.overrides)
    assert "encoder.stem=cifar" in found.overrides


def test_a_budget_is_positive(tmp_path) -> None:
    with pytest.raises(UserError, match="positive"):
        recommend(flat(tmp_path), 0)


def test_a_chip_gets_a_larger_encoder(tmp_path, two_seconds, monkeypatch) -> None:
    path = flat(tmp_path / "z", 40, size=(100, 100))
    monkeypatch.setattr(module.jax, "default_backend", lambda: "gpu")
    found = recommend(path, 10, log=quiet)
    assert found.size == 96 and "encoder.width=1.0" in found.overrides
    monkeypatch.setattr(module, "_LARGE", 10)
    large = recommend(path, 10, log=quiet)
    assert "encoder.depth=50" in large.overrides and "encoder.dtype=bfloat16" in large.overrides
