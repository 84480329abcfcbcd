import os

import numpy as np
import pytest

from jssl.data.listing import Kind, list_splits, split_folders
from jssl.errors import UserError

KIND = Kind("sound", (".wav",))


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "validation", "test"),
        ("Train", "Val", "Test"),
        ("TRAINING", "valid", "testing"),
        ("training", "VALIDATION", "Testing"),
    ],
)
def test_splits_are_known_by_their_usual_names_in_any_case(tmp_path, train, validation, test):
    names = {"train": train, "validation": validation, "test": test}
    write(tmp_path, *(f"{name}/{c}/{part}.wav" for part, name in names.items() for c in "ab"))
    assert {part: f.name for part, f in split_folders(tmp_path).items()} == names
    found, classes = list_splits(str(tmp_path), KIND)
    assert classes == ("a", "b")
    assert list(found) == ["train", "validation", "test"]
    for part, one in found.items():
        assert one.files == [f"a/{part}.wav", f"b/{part}.wav"]
        assert one.label.tolist() == [0, 1]


def test_a_validation_folder_alone_is_the_test_split(tmp_path):
    write(tmp_path, "Train/a/1.wav", "Valid/a/2.wav")
    found, _ = list_splits(str(tmp_path), KIND)
    assert {part: one.files for part, one in found.items()} == {
        "train": ["a/1.wav"], "test": ["a/2.wav"]}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/a/1.wav", "Train/a/2.wav"], "two folders for the train split, Train and train"),
        (["train/a/1.wav", "val/a/2.wav", "valid/a/3.wav"], "two folders for the validation"),
        (["Test/a/1.wav", "cat/2.wav"], "has a folder Test, which is a split, and none"),
        (["one/train/a/1.wav", "one/test/a/2.wav"], "one holds folders of splits"),
        (["a/train/1.wav", "a/test/2.wav", "b/train/3.wav"], "a holds folders of splits"),
        (["1.wav", "2.wav"], "holds 2 sounds beside each other; it needs one folder"),
        (["a/1.txt"], "holds no sounds"),
        (["train/a/1.wav", "test/b/1.wav"], "class 'b', which train lacks"),
        (["train/a/1.wav", "test/a/1.txt"], "test holds no sounds"),
    ],
)
def test_folders_that_are_unclear_are_refused(tmp_path, names, words):
    with pytest.raises(UserError, match=words):
        list_splits(str(write(tmp_path, *names)), KIND)


def test_what_is_passed_over_is_counted_once_in_a_note(tmp_path, caplog):
    write(tmp_path, "a/1.WAV", "a/deep/er/2.wav", "a/.DS_Store", "a/Thumbs.db", "b/3.wav",
          "__MACOSX/a/._1.wav", "a/notes.txt", "README", "4.wav")  # fmt: skip
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        found, classes = list_splits(str(tmp_path), KIND)
    assert classes == ("a", "b")
    assert found["train"].files == ["a/1.WAV", "a/deep/er/2.wav", "b/3.wav"]
    (record,) = caplog.records
    said = record.getMessage()
    assert "2 files that are no sounds (README, a/notes.txt)" in said
    assert "1 folders without sounds (empty)" in said
    assert "1 entries outside of the layout (4.wav)" in said


def test_a_note_names_what_lies_beside_the_splits(tmp_path, caplog):
    write(tmp_path, "train/a/1.wav", "test/a/2.wav", "more/a/3.wav", "license.txt")
    assert set(list_splits(str(tmp_path), KIND)[0]) == {"train", "test"}
    assert "1 entries outside of the layout (more)" in caplog.text


def test_each_real_file_is_listed_once_where_it_lies(tmp_path, caplog):
    root = write(tmp_path / "data", "b/1.wav", "c/2.wav")
    write(tmp_path / "else", "3.wav", "deep/4.wav")
    (root / "a").mkdir()
    (root / "a" / "0.wav").symlink_to(root / "b" / "1.wav")  # sorts before what it leads to
    os.link(root / "c" / "2.wav", root / "c" / "9.wav")
    (root / "c" / "more").symlink_to(tmp_path / "else")
    (root / "c" / "again").symlink_to(tmp_path / "else" / "deep")
    found, classes = list_splits(str(root), KIND)
    assert classes == ("b", "c")
    assert found["train"].files == [
        "b/1.wav", "c/2.wav", "c/again/4.wav", "c/more/3.wav"]  # fmt: skip
    assert "3 further names of files" in caplog.text and "a/0.wav" in caplog.text


def test_links_in_a_circle_and_special_files_are_passed_over_by_name(tmp_path, caplog):
    root = write(tmp_path / "data", "a/1.wav", "b/2.wav")
    write(tmp_path, "secret/3.wav")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "far_up").symlink_to(tmp_path)
    (root / "a" / "self.wav").symlink_to(root / "a" / "self.wav")
    (root / "a" / "gone.wav").symlink_to(tmp_path / "nothing")
    (root / "round").symlink_to("..")
    os.mkfifo(root / "b" / "pipe.wav")
    found, classes = list_splits(str(root), KIND)
    assert classes == ("a", "b")
    assert found["train"].files == ["a/1.wav", "b/2.wav"]
    assert "6 links or special files that cannot be read" in caplog.text


def test_two_folders_that_lead_into_each_other_end(tmp_path):
    root = write(tmp_path, "a/1.wav", "b/2.wav")
    (root / "a" / "b").symlink_to(root / "b")
    (root / "b" / "a").symlink_to(root / "a")
    assert list_splits(str(root), KIND)[0]["train"].files == ["a/1.wav", "b/2.wav"]


def test_a_split_that_is_a_link_to_another_is_refused(tmp_path):
    write(tmp_path, "train/a/1.wav")
    (tmp_path / "test").symlink_to("train")
    with pytest.raises(UserError, match="all files of the test split are links to files of anoth"):
        list_splits(str(tmp_path), KIND)
    os.unlink(tmp_path / "test")
    write(tmp_path, "test/a/2.wav")
    (tmp_path / "test" / "a" / "1.wav").symlink_to(tmp_path / "train" / "a" / "1.wav")
    found, _ = list_splits(str(tmp_path), KIND)
    assert found["test"].files == ["a/2.wav"]  # a file of train is not a file of test
    assert isinstance(found["test"].label, np.ndarray)
