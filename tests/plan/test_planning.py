"""Plans: of the machine at hand, of TPUs that are not here, and what refuses."""

import importlib.util
import json
from pathlib import Path

import jax
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config.experiment import load
from jssl.errors import UserError
from jssl.plan import chips, planning
from jssl.plan.planning import Setting
from jssl.plan.search import candidates

pytestmark = pytest.mark.optimised


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("plan"))


def test_the_machine_at_hand(experiment: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "plan.json"
    assert main(["plan", str(experiment), "--devices", "8", "--quick", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert "Needs" in capsys.readouterr().out
    assert found["chips"] == 8
    assert not found["quick"]  # only a TPU's compiler can be asked
    assert found["fits"] is None  # nobody publishes what a CPU can do
    assert found["parts"]["parameters"] == 4 * found["parameters"]
    kinds = {c["kind"] for c in found["collectives"]}
    assert "all-reduce" in kinds
    # Two views of 16 digits of 8 x 8 through 64 - 16, 16 - 16, 16 - 8: forward and two backward,
    # but for the input's; and cosines of 32 projections.
    layers = 64 * 16 + 16 * 16 + 16 * 8
    network = 2 * 32 * (3 * layers - 64 * 16)
    loss = 2 * 3 * 32 * 32 * 8
    assert network + loss <= found["model_flops"] <= 1.5 * (network + loss)
    assert found["flops"] == found["model_flops"]


def test_topologies_are_read() -> None:
    chip, shape = chips.parse_topology("v5p:4x4x8")
    assert (chip.name, shape) == ("v5p", (4, 4, 8))
    for text, sentence in (
        ("v5e", "written as in v5e:4x4"),
        ("v5f:4x4", "no topology of 'v5f' is known: did you mean"),
        ("v5e:4x4x4", "has 2 sides"),
        ("v6e:32x16", "a v6e pod has 256: take several with --slices"),
    ):
        with pytest.raises(UserError, match=sentence):
            chips.parse_topology(text)


def test_refusals_of_the_compiler_are_read() -> None:
    texts = (
        "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 67.35G of 15.75G hbm.",
        "the total memory required by it is 67.35G which exceeds available HBM of 15.75G",
    )
    for text in texts:
        needed, limit, _ = planning._refused(RuntimeError(text))
        assert (needed, limit) == (67.35 * 2**30, 15.75 * 2**30)
    with pytest.raises(UserError, match="another reason than memory: INTERNAL"):
        planning._refused(RuntimeError("INTERNAL: something else"))


def test_candidates_divide_the_batch_and_begin_with_the_cheapest(experiment: Path) -> None:
    found = list(candidates(load(str(experiment)), 4))
    assert found[0] == Setting(1, 1, None)
    assert {setting.accumulate for setting in found} == {1, 2, 4}
    assert {setting.fsdp for setting in found} == {1, 4}


def test_known_data_need_not_be_here() -> None:
    example, length = planning.data_facts(load("image/simclr_imagenet"))
    assert example["image"].shape == (256, 256, 3)
    assert length == 1_281_167


@pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="needs the TPU compiler: jssl[tpu]"
)
def test_a_tpu_that_is_not_here(experiment: Path) -> None:
    chip, devices = chips.topology_devices("v5e:2x2")
    example, length = planning.data_facts(load(str(experiment)))
    plan = planning.make_plan(
        load(str(experiment)),
        chips.mesh_of(devices),
        target="v5e:2x2",
        chip=chip,
        setting=Setting(),
        example=example,
        length=length,
        quick=True,
    )
    assert jax.devices()[0].platform == "cpu"
    assert plan.fits
    assert plan.chips == 4
    assert plan.quick
    assert set(plan.seconds) == {"compute", "memory", "network"}
    assert 0 < plan.mfu < 1
    assert {c.kind for c in plan.collectives} >= {"all-reduce"}
