import dataclasses

import numpy as np
import pytest

from jssl.config import experiment
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.evaluation.cross_modal import cross_retrieval, zero_shot
from jssl.evaluation.protocols import protocol
from jssl.evaluation.representations import Representations, Row
from jssl.training import sharding
from jssl.training.program import build


def test_retrieval_is_a_sorted_list_of_cosines():
    rng = np.random.default_rng(0)
    a, owner = rng.normal(size=(6, 3)), np.array([0, 1, 1, 2, 3, 3, 3, 4, 5])
    b = a[owner] + rng.normal(size=(9, 3))
    found = cross_retrieval(a, b, owner, ks=(1, 3))
    cosine = (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T
    for k in (1, 3):
        there = [any(owner[j] == i for j in np.argsort(-cosine[i])[:k]) for i in range(6)]
        back = [owner[j] in np.argsort(-cosine[:, j])[:k] for j in range(9)]
        assert found[f"a to b @{k}"] == pytest.approx(np.mean(there))
        assert found[f"b to a @{k}"] == pytest.approx(np.mean(back))
    # Where all are alike, a guess is not right.
    assert set(cross_retrieval(a * 0 + 1, b * 0 + 1, owner, ks=(1,)).values()) == {0.0}
    with pytest.raises(UserError, match="at least one for each"):
        cross_retrieval(a, b, owner * 0)
    with pytest.raises(UserError, match="needs a k"):
        cross_retrieval(a, b, owner, ks=(7,))


def test_names_are_averaged_as_unit_vectors():
    prompts = np.array([[[1.0, 0.0], [0.0, 100.0]], [[-1.0, 0.1], [-1.0, 0.0]]])
    a = np.array([[3.0, 2.0], [-1.0, -0.5], [-2.0, 1.0]])
    assert zero_shot(a, prompts, np.array([0, 1, 0])) == pytest.approx(2 / 3)


@pytest.mark.rotating
def test_pairs_are_measured_in_the_common_space():
    made = experiment.load("image_text/clip_shapes").smoke()
    made = dataclasses.replace(made, encoder=MLP(hidden=(8,), norm="none"))
    splits = made.data.load()
    program = build(made, splits.train[0], len(splits.train), sharding.make_mesh(1))
    state = program.init(program.root_key(0))
    subject = Representations({"row": Row(program, state), "raw": Row(None)}, splits, program)
    found = protocol("cross_retrieval").measure(subject, "row").scores
    batch = splits.test[np.arange(8)]
    towers = made.method.towers(program.at(state))
    a = np.asarray(towers["a"](batch["image"] / np.float32(255)))
    b = np.asarray(towers["b"](batch["captions"].reshape(40, -1)))
    expected = cross_retrieval(a, b, np.repeat(np.arange(8), 5), ks=(1, 5))
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value)
    assert 0 <= protocol("zero_shot").measure(subject, "row").scores["zero-shot"].value <= 1
    assert protocol("zero_shot").measure(subject, "raw") is None
