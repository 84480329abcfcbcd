"""Protocols that were renamed are found under their former names, in commands and in records."""

import dataclasses
import json

import pytest

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
