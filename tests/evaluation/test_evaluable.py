import types

import numpy as np
import pytest

from jssl.data import Arrays
from jssl.errors import UserError
from jssl.evaluation.arrays import check_evaluable
from jssl.studies import session

TWO = np.arange(20) % 2


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        (np.zeros(20, int), np.zeros(4, int), "all 20 training labels are 0"),
        (TWO, np.array([0, 2]), "class 2 is to be predicted but has no training example"),
        (np.append(TWO, 2), TWO, "class 2 has 1 training examples, too few for 10 labels a class"),
    ],
)
def test_labels_that_cannot_be_evaluated_end_a_run_with_the_reason_and_its_page(train, test, words):
    with pytest.raises(UserError, match=words):
        check_evaluable(train, train, test, per_class=10)

    def arrays(label):
        return {"image": np.zeros((len(label), 4, 4), np.uint8), "label": label}

    given = (arrays(train), arrays(test), arrays(train))
    said: list[str] = []
    program = types.SimpleNamespace()  # no feature is computed
    assert session._measure(None, program, None, Arrays(*given).load(), said.append) is None
    (line,) = said
    assert line.startswith("nothing is evaluated, because ") and words in line


def test_labels_that_can_be_evaluated_are_let_through():
    check_evaluable(TWO, TWO, np.zeros(3, int), per_class=10)
