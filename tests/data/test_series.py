import gzip

import numpy as np
import pytest

from jssl.data.forecasting import ETT, Seasons, windows
from jssl.data.series import UCR, WAVES, Waves
from jssl.data.series_files import equal_lengths, read_series
from jssl.errors import UserError

TS = """@problemName Two
@univariate false
@classLabel true a b
@data
1,2,3:10,20,30:a
4,?,6,7:1,1,1,1:b
"""


def test_ts_files_have_channels_missing_values_and_lengths_of_their_own(tmp_path):
    path = tmp_path / "Two_TRAIN.ts.gz"
    path.write_bytes(gzip.compress(TS.encode()))
    series, labels = read_series(path)
    assert labels == ["a", "b"]
    np.testing.assert_array_equal(series[0], [[1, 10], [2, 20], [3, 30]])
    assert np.isnan(series[1][1, 0])
    both = equal_lengths(series, 4)
    np.testing.assert_allclose(both[0, :, 0], [1, 5 / 3, 7 / 3, 3], rtol=1e-6)
    np.testing.assert_allclose(both[1, :, 0], [4, 5, 6, 7])
    path.with_name("bad_TRAIN.ts").write_text("1,2,3:a")
    with pytest.raises(UserError, match="no line @data"):
        read_series(path.with_name("bad_TRAIN.ts"))


def test_ucr_keeps_the_test_split_and_carves_validation(tmp_path):
    draw = np.random.default_rng(0)
    for part, count in (("TRAIN", 20), ("TEST", 6)):
        table = np.column_stack([np.arange(count) % 2 * 2 - 1, draw.normal(size=(count, 5))])
        np.savetxt(tmp_path / f"Own_{part}.tsv", table, delimiter="\t", fmt="%.6e")
    splits = UCR(str(tmp_path), name="Own").load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [16, 4, 6]
    assert splits.classes == ("1", "-1")
    np.testing.assert_allclose(splits.test[3]["series"][:, 0], table[3, 1:], rtol=1e-5)
    assert splits.test[3]["label"] == 0
    with pytest.raises(UserError, match="has no Other_TRAIN"):
        UCR(str(tmp_path), name="Other").load()


def test_waves_begin_with_the_smaller_set_and_differ_by_split():
    few, more = Waves(train=16, validation=8, test=8).load(), Waves(train=32).load()
    np.testing.assert_array_equal(few.train[:16]["series"], more.train[:16]["series"])
    assert not np.array_equal(few.validation[:8]["series"], few.test[:8]["series"])
    assert set(few.train[:]["label"]) == set(range(len(WAVES)))


def test_windows_are_the_published_ones():
    """Borders, standardisation by train, and the number of windows of ETTh1's test split."""
    values = np.random.default_rng(0).normal(3.0, 2.0, size=(100, 2))
    splits = windows(values, (60, 80, 100), 10, 5)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [46, 16, 16]
    scaled = (values - values[:60].mean(0)) / values[:60].std(0)
    batch = splits.test[np.array([0, 15])]
    for row, start in enumerate((70, 85)):
        np.testing.assert_allclose(batch["series"][row], scaled[start : start + 10], rtol=1e-5)
        np.testing.assert_allclose(
            batch["future"][row], scaled[start + 10 : start + 15], rtol=1e-5, atol=1e-6
        )
    assert splits.train[3]["series"].shape == (10, 2)
    with pytest.raises(UserError, match="do not fit"):
        windows(values, (60, 62, 100), 10, 5)


def test_ett_reads_the_csv_with_its_months(tmp_path):
    total = 20 * 30 * 24
    rows = "\n".join(f"2016,{i},{i % 24}" for i in range(total + 5))
    (tmp_path / "ETTx.csv").write_text("date,a,b\n" + rows + "\n")
    splits = ETT(str(tmp_path / "ETTx.csv"), length=336, horizon=96).load()
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (8209, 2785, 2785)
    assert splits.name == "ETTx"
    assert Seasons().smoke().load().train[0]["future"].shape == (24, 7)
