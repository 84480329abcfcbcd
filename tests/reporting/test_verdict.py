"""The sentence at the top of a run's page, for runs that learned and for runs that did not."""

import pytest
from report_records import record, table_records

from jssl.reporting.verdict import Course, gain_of, judge

DONE = Course(1000, 1000, [5.0] * 20 + [2.0] * 80)


def test_a_difference_has_the_interval_of_two_independent_scores():
    gain = gain_of({"value": 0.9, "interval": 0.03}, {"value": 0.8, "interval": 0.04})
    assert (gain.value, gain.half) == pytest.approx((0.1, 0.05))
    assert gain.sure
    assert not gain_of({"value": 0.9, "interval": None}, {"value": 0.9, "interval": None}).sure


def test_training_that_was_worth_it():
    scores = {"trained": (0.9, 0.03), "untrained": (0.7, 0.04), "raw image": (0.5, 0.0)}
    verdict = judge(table_records(scores, seed=3), None, DONE)
    assert verdict.sentence == (
        "The trained encoder beats the untrained one by 20.0 ± 5.0 points and the raw image by "
        "40.0 ± 3.0 points (linear probe on test: 90.0 ± 3.0 % correct)."
    )
    assert (verdict.kind, verdict.reasons) == ("good", ())
    assert "seed 3" in verdict.note


def test_few_labels_speak_where_all_labels_do_not():
    linear = {"trained": (0.97, 0.02), "untrained": (0.95, 0.02), "raw image": (0.96, 0.02)}
    few = {"trained": (0.92, 0.01), "untrained": (0.81, 0.01), "raw image": (0.89, 0.01)}
    verdict = judge(table_records(linear, few), None, DONE)
    assert verdict.sentence == (
        "The trained encoder cannot be told from the untrained one (+2.0 ± 2.8 points) or the raw "
        "image (+1.0 ± 2.8 points) (linear probe on test: 97.0 ± 2.0 % correct); with 10 labels a "
        "class it beats the untrained one by 11.0 ± 1.4 points and the raw image by 3.0 ± 1.4 "
        "points."
    )
    assert verdict.kind == "good"
    # They are left out where they do not decide either, and they do not outweigh a loss with all.
    level = judge(table_records(linear), None, DONE)
    assert (level.kind, "10 labels" in level.sentence) == ("bad", False)
    linear["raw image"] = (0.999, 0.001)
    verdict = judge(table_records(linear, few), None, DONE)
    assert "but is worse than the raw image by 2.9 ± 2.0 points" in verdict.sentence
    assert "10 labels" not in verdict.sentence
    assert verdict.kind == "bad"


def test_several_labels_an_example_are_judged_by_mean_average_precision():
    rows = {"trained": {"mean AP": (0.9, 0.01)}, "untrained": {"mean AP": (0.7, 0.01)}}
    verdict = judge([record("multi_label", rows)], None, DONE)
    assert "20.0 ± 1.4 points (linear probe on test: 90.0 ± 1.0 % mean AP)" in verdict.sentence


def test_records_without_a_comparison_claim_nothing():
    """Such as of a damaged file that is a whole record all the same."""
    for rows in (
        {},
        {"trained": (0.9, 0.01)},
        {"untrained": (0.9, 0.01), "raw image": (0.8, 0.01)},
    ):
        verdict = judge(table_records(rows), None, DONE)
        assert verdict.sentence == "The features of this run have not been evaluated."


def test_reasons_come_from_the_training_and_the_evaluation():
    scores = {"trained": (0.12, 0.05), "untrained": (0.14, 0.05), "raw image": (0.96, 0.01)}
    alarm = {"name": "complete collapse", "cause": "a dead head", "sentence": "", "last_step": 9}
    verdict = judge(table_records(scores), None, Course(50, 100, [5.0] * 30, [alarm]))
    assert verdict.kind == "bad"
    for words in (
        "Complete collapse: a dead head.",
        "step 50 of 100",
        "The loss has hardly fallen: from 5 to 5.",
        "The test split has 300 examples, which show no difference under 7.1 points.",
        "A baseline reaches 96.0 %",
        "no better than guessing",
    ):
        assert any(words in reason for reason in verdict.reasons), words
    falling = Course(100, 100, [5.0 - i / 20 for i in range(50)])
    reasons = judge(table_records(scores), None, falling).reasons
    assert "The loss was still falling at the end: train longer." in reasons
    assert "The run has 100 steps only: train longer." in reasons


def test_without_labels_the_measures_are_given_and_nothing_is_claimed():
    rows = {"trained": {"RankMe": (30.0, None)}, "untrained": {"RankMe": (10.0, None)}}
    verdict = judge(None, record("label_free", rows), DONE)
    assert verdict.sentence == (
        "Without labels, nothing says whether the features are useful; they have an effective rank "
        "of 30 (untrained: 10)."
    )
    assert (verdict.kind, verdict.reasons) == ("open", ())
    rows["trained"]["RankMe"] = (4.0, None)
    (reason,) = judge(None, record("label_free", rows), DONE).reasons
    assert reason.startswith("Training lowered the effective rank from 10 to 4")
    why = "class 0 has 3 training examples"
    assert judge(None, None, DONE, why=why).sentence.endswith(f"not been evaluated, because {why}.")
    assert judge(None, None, DONE).sentence == "The features of this run have not been evaluated."
