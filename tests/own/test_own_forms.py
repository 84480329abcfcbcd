"""Own data beyond images: what is recognised, how it is split, what is refused."""

import re

import numpy as np
import pytest
from own_form_data import MAKERS, lines

from jssl.config.experiment import load
from jssl.errors import UserError
from jssl.own import OwnOptions, adapt, recognise
from jssl.own.adapt import modality_of

PARTS = ("train", "validation", "test")


def opened(name, tmp_path, prefer=None, **options):
    MAKERS[name](tmp_path)
    return recognise(tmp_path / name, OwnOptions(**options), prefer=prefer)


def sizes(found):
    splits = found.data.load()
    return [len(getattr(splits, part)) for part in PARTS]


@pytest.mark.parametrize(
    ("name", "modality", "line"),
    [
        (
            "sounds",
            "audio",
            "12 clips, 0.4 s at 8 000 Hz, 2 classes; 1 set aside for validation, 1 for the test "
            "(labels from sub-folders)",
        ),
        (
            "recording.wav",
            "audio",
            "1 clips, 4 s at 8 000 Hz",
        ),
        (
            "customers.csv",
            "table",
            "40 rows, 4 numeric and 2 categorical columns, no labels; 4 set aside for validation, "
            "4 for the test",
        ),
        (
            "rates.csv",
            "series",
            "a series of 300 steps of 2 channels, 2020-01-01 to 2020-10-26; windows of 72 steps "
            "and 12 ahead, 157 to train, 19 for validation, 19 for the test",
        ),
        (
            "Gestures",
            "series",
            "26 series, 24 steps of 2 channels, 2 classes; 2 set aside for validation, 6 for the "
            "test",
        ),
        (
            "articles.txt",
            "text",
            "30 texts, the first 48 bytes of each, no labels; 3 set aside for validation, 3 for "
            "the test",
        ),
        (
            "proteins.fasta",
            "sequence",
            "30 protein sequences, the first 16 letters of each, no labels; 3 set aside for "
            "validation, 3 for the test",
        ),
        (
            "molecules",
            "graph",
            "20 graphs, up to 3 nodes with 2 features, 2 classes; 2 set aside for validation, 2 "
            "for the test",
        ),
        (
            "network.npz",
            "graph",
            "one graph of 40 nodes with 3 features and 80 edges, no labels",
        ),
        (
            "parts",
            "cloud",
            "12 clouds, 512 points at most, 2 classes; 1 set aside for validation, 1 for the test",
        ),
    ],
)
def test_the_line_says_what_it_is(name, modality, line, tmp_path) -> None:
    if name == "recording.wav":
        with pytest.raises(UserError, match="shorter clips than 4 s"):
            opened(name, tmp_path)
        found = recognise(tmp_path / name, OwnOptions(length=0.25))
        assert found.line.startswith("16 clips, 0.25 s at 8 000 Hz, no labels; 2 set aside")
    else:
        found = opened(name, tmp_path)
        assert found.line == line
    assert found.modality == modality


def test_clips_of_a_file_and_of_a_speaker_stay_together(tmp_path) -> None:
    MAKERS["sounds"](tmp_path)
    by_file = recognise(tmp_path / "sounds", OwnOptions(length=0.1)).data.load()
    clips = {part: getattr(by_file, part) for part in PARTS}
    assert [len(clips[part]) for part in PARTS] == [40, 4, 4]  # four clips a file
    group = str(tmp_path / "speakers.csv")
    found = recognise(tmp_path / "sounds", OwnOptions(length=0.4, group=group))
    assert sizes(found) == [6, 3, 3]  # three files a speaker


def test_a_recording_is_divided_in_time(tmp_path) -> None:
    MAKERS["recording.wav"](tmp_path)
    splits = recognise(tmp_path / "recording.wav", OwnOptions(length=0.25)).data.load()
    assert [list(getattr(splits, part).indices) for part in PARTS] == [
        list(range(12)),
        [12, 13],
        [14, 15],
    ]


def test_sounds_are_resampled_and_the_last_clip_is_filled(tmp_path) -> None:
    MAKERS["sounds"](tmp_path)
    data = recognise(tmp_path / "sounds", OwnOptions(length=0.25, rate=4000)).data
    source = data.load().train.source
    assert len(source) == 24 and source[0]["audio"].shape == (1000,)  # 0.4 s: a clip and 0.15 s
    assert not source[1]["audio"][600:].any() and source[1]["audio"][:600].any()
    data = recognise(tmp_path / "sounds", OwnOptions(length=0.3, rate=4000)).data
    assert len(data.load().train.source) == 12  # less than half of a clip is dropped


def test_groups_and_times_of_a_table(tmp_path) -> None:
    found = opened("customers.csv", tmp_path, label="churn", group="shop", columns=("age", "job"))
    assert found.classes == ("0", "1") and found.facts["names"] == ["age", "job"]
    assert sizes(found) == [32, 4, 4]
    late = recognise(
        tmp_path / "customers.csv",
        OwnOptions(label="churn", time="age", split_by="time", columns=("age", "income")),
    )
    assert late.facts["names"] == ["income"]  # the time is no feature
    splits = late.data.load()
    income = [splits.train[np.arange(32)]["row"], splits.test[np.arange(4)]["row"]]
    assert income[0].max() < income[1].min()


def test_columns_without_names_have_numbers(tmp_path) -> None:
    path = lines(tmp_path / "bare.csv", [f"{k}.5,{'ab'[k % 2]},{'xy'[k // 20]}" for k in range(40)])
    for label in ("3", "-1"):
        found = recognise(path, OwnOptions(label=label))
        assert found.classes == ("x", "y") and found.facts["names"] == ["1", "2"]


def test_a_series_is_split_at_dates(tmp_path) -> None:
    at = ("2020-07-01", "2020-9-1")
    found = opened("rates.csv", tmp_path, split_at=at, length=24, horizon=6)
    days = np.asarray(["2020-01-01", "2020-07-01", "2020-09-01"], "datetime64[D]").astype(int)
    first, second = (days[1:] - days[0]).tolist()
    assert sizes(found) == [
        first - 24 - 6 + 1,
        second - first - 6 + 1,
        300 - second - 6 + 1,
    ]
    splits = found.data.load()
    values = found.data.read().values
    scaled = (values - values[:first].mean(0)) / values[:first].std(0)
    assert np.allclose(splits.test[0]["future"], scaled[second : second + 6], atol=1e-4)


def test_windows_do_not_leave_a_person(tmp_path) -> None:
    options = {"label": "activity", "group": "person", "columns": ("x", "y"), "length": 20}
    found = opened("sensors.csv", tmp_path, "series", **options)
    assert found.classes == ("sit", "walk")
    assert sizes(found) == [40, 5, 5]  # five windows of each of ten people
    short = OwnOptions(**{**options, "length": 4}, split_by="time")
    assert sizes(recognise(tmp_path / "sensors.csv", short, prefer="series")) == [230, 20, 20]
    with pytest.raises(UserError, match="no window of 20 rows"):
        recognise(tmp_path / "sensors.csv", OwnOptions(**options, split_by="time"), prefer="series")
    with pytest.raises(UserError, match="'p0' in line 2, column 'person' is no"):
        recognise(tmp_path / "sensors.csv", OwnOptions(length=20), prefer="series")


def test_labels_in_headers_and_beside_them(tmp_path) -> None:
    found = opened("proteins.fasta", tmp_path, label="family", length=12)
    assert found.classes == ("a", "b") and found.facts["length"] == 12
    clusters = str(tmp_path / "clusters.csv")
    again = recognise(tmp_path / "proteins.fasta", OwnOptions(label="none", group=clusters))
    assert again.classes == () and sizes(again) == [24, 3, 3]


def test_texts_of_several_kinds(tmp_path) -> None:
    found = opened("reviews.jsonl", tmp_path, label="stars", columns=("review",))
    assert found.classes == ("a", "b")
    assert opened("letters", tmp_path).classes == ("bad", "good")


def test_a_saved_data_set_is_texts_or_a_table(tmp_path) -> None:
    found = opened("news", tmp_path, "text")
    assert found.modality == "text" and found.classes == ("bad", "good")
    assert sizes(found) == [16, 2, 2]


def test_blocks_of_few_scans_are_divided_by_direction(tmp_path) -> None:
    found = opened("velodyne", tmp_path, length=128)
    assert found.line.startswith("32 blocks of scans, 5 x 5 on the ground, 128 points at most")
    splits = found.data.load()
    cloud = splits.train[0]["points/xyz"]
    assert np.abs(cloud[:, :2]).max() <= 2.5  # centred at the block
    assert recognise(tmp_path / "velodyne", OwnOptions(length=128, block=10)).line.startswith("8 ")


@pytest.mark.parametrize(
    ("experiment", "name", "options", "changed"),
    [
        ("audio/simclr_own", "sounds", {}, {"preprocess.log_mel.rate": 8000}),
        ("audio/ssast_digits", "sounds", {}, {"views.mask.grid": (2, 4)}),
        ("tabular/tjepa_adult", "customers.csv", {}, {"views.mask.tokens": 6}),
        ("series/patchtst_own", "rates.csv", {}, {"views.mask.rows": 2, "views.mask.columns": 7}),
        ("series/patchtst_ucr", "Gestures", {}, {"views.mask.rows": 2}),
        ("text/simclr_ag_news", "articles.txt", {}, {"encoder.vocabulary": 257}),
        ("biology/simclr_splice", "proteins.fasta", {}, {"encoder.vocabulary": 22}),
        ("graph/graphmae_own", "network.npz", {}, {"batch_size": 1, "epochs": 300.0}),
        ("points/simclr_own", "velodyne", {"length": 64}, {"preprocess.subsample.count": 64}),
    ],
)
def test_an_experiment_is_adapted(experiment, name, options, changed, tmp_path) -> None:
    from jssl.core.settings import settings

    original = load(experiment)
    found = opened(name, tmp_path, modality_of(original), **options)
    adapted, _ = adapt(original, found, OwnOptions(**options))
    values = {one.path: one.value for one in settings(adapted)}
    assert {path: values[path] for path in changed} == changed


def test_an_experiment_that_does_not_fit_says_which_does(tmp_path) -> None:
    found = opened("Gestures", tmp_path)
    with pytest.raises(UserError, match="no future; use series/simclr_own"):
        adapt(load("series/patchtst_own"), found)
    with pytest.raises(UserError, match="use series/"):
        adapt(load("text/mlm_own"), found)
    graph = opened("network.npz", tmp_path)
    with pytest.raises(UserError, match="is one graph; use graph/graphmae_own"):
        adapt(load("graph/simclr_tu"), graph)


BAD = {
    "a.csv": ("table", ["a,b", "1,2", "3"], "its rows differ in their number of columns"),
    "b.csv": ("table", ["a,a", "1,2", "3,4"], "two columns named 'a'"),
    "c.csv": ("table", [""], "is empty"),
    "d.csv": ("series", ["date,x", "2020-01-01,1", "spring,2"], "'spring' is not a date"),
    "e.csv": ("series", ["date,x", "2020-01-01,1", "2020-01-02,red"], "'red' in line 3"),
    "f.csv": ("series", ["date,x", "2020-01-02,1", "2020-01-01,2"], "does not come after"),
    "g.txt": ("text", [" "], "is empty"),
    "h.jsonl": ("text", ['{"text": "a"}', '{"text": '], "line 2 is not a JSON object"),
    "i.fasta": ("sequence", ["MKV"], "is not a FASTA file"),
    "j.ts": ("series", ["@problemName x"], "it has no line @data"),
    "k.off": ("cloud", ["OFF", "4 4"], "is not a mesh"),
    "l.wav": ("audio", ["no sound"], "is not a readable WAV file"),
    "m.csv": ("text", ["a,b", "1,2", "3,4"], "no column of texts"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(name, tmp_path) -> None:
    prefer, rows, words = BAD[name]
    path = lines(tmp_path / name, rows)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        recognise(path, prefer=prefer)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_one_bad_file_among_others_is_named(tmp_path) -> None:
    MAKERS["sounds"](tmp_path)
    (tmp_path / "sounds" / "dog" / "x.wav").write_bytes(b"RIFF")
    with pytest.raises(UserError, match=r"x\.wav is not a readable WAV file"):
        recognise(tmp_path / "sounds")


def test_labels_that_are_measured_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="so they are no classes"):
        opened("customers.csv", tmp_path, label="income")
    with pytest.raises(UserError, match=r"--label color: .* has no such column"):
        recognise(tmp_path / "customers.csv", OwnOptions(label="color"))


def panel(path, *, gap=False, count=60):
    """Two series of several channels by the day, rows of the two in turn."""
    days = np.datetime64("2020-01-01") + np.arange(count)
    rows = [
        f"{shop},{day},{'' if gap and k in (7, 8) and shop == 'north' else k * scale}"
        for k, day in enumerate(days)
        for shop, scale in (("north", 1), ("south", 1000))
    ]
    return lines(path, ["shop,date,sales", *rows])


def test_several_series_of_a_table_are_forecast_each_on_its_own(tmp_path) -> None:
    path = panel(tmp_path / "p.csv")
    with pytest.raises(UserError, match="rows of several series need --panel COLUMN"):
        recognise(path, OwnOptions(columns=("sales",)), prefer="series")
    shape = {"length": 8, "horizon": 2}
    found = recognise(path, OwnOptions(panel="shop", **shape), prefer="series")
    assert found.line.startswith(
        "2 series of 60 steps of 1 channel, 2020-01-01 to 2020-02-29; windows of 8 steps and 2 "
        "ahead, 78 to train, 10 for validation, 10 for the test"
    )
    splits = found.data.load()
    windows = splits.train[np.arange(78)]
    north, south = windows["series"][:39], windows["series"][39:]
    np.testing.assert_allclose(north, south, atol=1e-5)  # scaled by its own training part
    both = np.concatenate([windows["series"], windows["future"]], axis=1)
    np.testing.assert_allclose(np.diff(both, axis=1), np.diff(both, axis=1)[0, 0, 0], rtol=1e-3)
    dated = OwnOptions(panel="shop", split_at=("2020-02-01", "2020-02-20"), **shape)
    assert sizes(recognise(path, dated, prefer="series")) == [44, 36, 18]
    with pytest.raises(UserError, match="goes without --label and --group"):
        recognise(path, OwnOptions(panel="shop", group="shop"), prefer="series")
    with pytest.raises(UserError, match="no series has a window of 96 and 20 steps"):
        recognise(path, OwnOptions(panel="shop", length=96, horizon=20), prefer="series")


def test_a_missing_value_takes_the_last_one_before_it(tmp_path, caplog) -> None:
    path = panel(tmp_path / "p.csv", gap=True)
    options = OwnOptions(panel="shop", length=8, horizon=2)
    found = recognise(path, options, prefer="series")
    north = found.data.read().values[:60, 0]
    assert north[6:10].tolist() == [6, 6, 6, 9]
    rows = [f"2020-01-{k + 1:02},{'' if k < 3 else k},{k % 4}" for k in range(31)]
    late = lines(tmp_path / "late.csv", ["date,x,y", *rows])
    found = recognise(late, OwnOptions(length=4, horizon=1), prefer="series")
    assert found.line.startswith("a series of 28 steps of 2 channels, 2020-01-04 to 2020-01-31")
    most = [f"2020-01-{k + 1:02},{k if k % 3 else ''},{k if k < 10 else ''}" for k in range(31)]
    path = lines(tmp_path / "most.csv", ["date,x,y", *most])
    with pytest.raises(UserError, match="68% of the values of 'y' are missing"):
        recognise(path, OwnOptions(length=4, horizon=1), prefer="series")
