import numpy as np
import pytest

from jssl.data.sentence_pairs import PhrasePairs, SentencePairs
from jssl.data.text import to_text
from jssl.errors import UserError


def test_pairs_keep_their_scores(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("".join(f'"one, {i}",two {i},{i / 4}\n' for i in range(10)))
    splits = SentencePairs(str(path), test=str(path), length=16, fraction=0.2).load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [8, 2, 10]
    one = splits.test[3]
    assert (to_text(one["text"]), to_text(one["other"])) == ("one, 3", "two 3")
    assert one["target"] == 0.75
    path.write_text("a,b,much\n")
    with pytest.raises(UserError, match="not a number"):
        SentencePairs(str(path)).load()
    path.with_suffix(".tsv").write_text('a "b\tc\t1\n' * 4)
    splits = SentencePairs(str(path.with_suffix(".tsv")), fraction=0.3).load()
    assert to_text(splits.train[0]["text"]) == 'a "b'


def test_phrases_of_one_topic_are_alike():
    few, more = PhrasePairs(train=8).load().train[:], PhrasePairs(train=16).load().train[:]
    np.testing.assert_array_equal(few["other"], more["other"][:8])
    np.testing.assert_array_equal(more["target"], np.arange(16) % 2)
