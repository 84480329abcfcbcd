"""Protocols and settings that were renamed are found under their former names."""

import dataclasses
import json

import pytest

from jssl.config.overrides import describe, override
from jssl.errors import UserError
from jssl.evaluation.evaluating import choose
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import FORMER_NAMES, Record, identity


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_former_name_is_the_present_protocol(former, tmp_path):
    name = FORMER_NAMES[former]
    assert protocol(former) is protocol(name)
    assert list(choose([former])) == [name]
    facts = {"name": former, "id": identity(former, protocol(name))}
    empty = {field.name: {} for field in dataclasses.fields(Record) if field.name != "kind"}
    (tmp_path / "old.json").write_text(json.dumps({**empty, "protocol": facts}))
    found = Record.load(tmp_path / "old.json").protocol
    assert found == {"name": name, "id": identity(name, protocol(name))}


def test_a_renamed_setting_is_set_and_recorded_under_its_former_name_too():
    clusters = protocol("clusters")
    for name in ("limit", "most"):
        assert override(clusters, f"{name}=20").limit == 20
    assert override(clusters, "tree_most=20").tree_limit == 20
    assert override(protocol("site"), "places=(3,)").indices == (3,)
    with pytest.raises(UserError, match=r"unknown key 'mots'.*limit"):
        override(clusters, "mots=20")
    assert describe(clusters).keys() >= {"most", "tree_most", "seed"}
    assert not {"limit", "tree_limit"} & describe(clusters).keys()
    # As they were before the settings were renamed, so that records are found again.
    assert identity("clusters", clusters) == "clusters-v1-64d9f5bf"
