"""Video files written here: every frame is grey, and its number says how bright."""

import sys
from pathlib import Path

import numpy as np
import pytest

from jssl.data import VideoFolder, fingerprint, labels, read_all
from jssl.data.images import to_array
from jssl.data.video_files import Cut, read_clip, read_packets
from jssl.errors import UserError

av = pytest.importorskip("av")

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "video_files"


def write(path, frames=20, *, codec="libx264", options=None, bright=0, turn=0):
    """Frame k is grey level 10 k + `bright`; its left third is black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.bit_rate = 4_000_000
        if turn:
            stream.set_display_rotation(turn)
        for k in range(frames):
            pixels = np.full((32, 48, 3), 10 * k + bright, np.uint8)
            pixels[:, :16] = 0
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def numbers(clip):
    """Which frames of `write` a clip is made of."""
    return np.round(clip[:, 8, 12].astype(float).mean(axis=-1) / 10).astype(int).tolist()


# Key frames are few, and some frames are stored before those that are shown before them.
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "2", "g": "7"}),
        ("a.avi", "mpeg4", {"bf": "2", "g": "7"}),
        ("a.mkv", "mpeg4", {"g": "5"}),
    ],
)
def test_the_frames_are_those_asked_for(tmp_path, name, codec, options):
    file = write(tmp_path / name, codec=codec, options=options)
    cut = Cut(frames=4, stride=2, size=16, channels=3, clips=3)
    found = [read_clip(file, clip, cut) for clip in range(3)]
    assert {clip.shape for clip in found} == {(4, 16, 16, 3)}
    assert [numbers(clip) for clip in found] == [[0, 2, 4, 6], [6, 8, 10, 12], [13, 15, 17, 19]]
    alone = read_clip(file, 0, cut._replace(clips=1, channels=1))
    assert alone.shape[-1] == 1 and numbers(alone) == [6, 8, 10, 12]
    # The centre: of 48 x 32 pixels 8 are cut off on both sides, and 8 black ones are left.
    assert alone[:, :, :3].max() < 8 and np.ptp(alone[:, :, 6:], axis=(1, 2)).max() < 8


def test_a_turned_picture_is_turned_back(tmp_path):
    cut = Cut(frames=1, stride=1, size=16, channels=1, clips=1)
    clip = read_clip(write(tmp_path / "a.mp4", turn=90), 0, cut)
    assert clip[0, -3:].max() < 8 < clip[0, :8].min()  # black: what was left is below


def test_files_become_clips_and_splits_are_of_whole_files(tmp_path):
    for i in range(10):
        write(tmp_path / ("run", "jump")[i % 2] / f"{i}.mp4", 12, bright=i)
    spec = VideoFolder(str(tmp_path), frames=3, stride=2, size=16, clips=2, fraction=0.2)
    splits = spec.load()
    assert splits.classes == ("jump", "run")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [12, 4, 4]
    files = [set(part.indices // 2) for part in (splits.train, splits.validation, splits.test)]
    assert len(set().union(*files)) == sum(map(len, files)) == 10
    assert labels(splits.test).tolist() == [0, 0, 1, 1]
    batch = splits.train.source[np.array([2, 3])]
    assert [numbers(clip) for clip in batch["video"]] == [[0, 2, 4], [7, 9, 11]]
    np.testing.assert_array_equal(splits.train.source[3]["video"], batch["video"][1])
    assert fingerprint(spec.load().train) == fingerprint(splits.train)
    assert spec.smoke().load().train[0]["video"].shape == (3, 16, 16, 3)


def test_lists_say_the_splits_and_files_alone_have_no_labels(tmp_path):
    for i in range(4):
        write(tmp_path / "v" / ("run", "jump")[i % 2] / f"{i}.mp4", 12)
    (tmp_path / "train.txt").write_text("run/0.mp4 1\njump/1.mp4 2\n")
    (tmp_path / "test.txt").write_text("run/2.mp4\njump/3.mp4\n")
    lists = {part: str(tmp_path / f"{part}.txt") for part in ("train", "test")}
    spec = VideoFolder(
        str(tmp_path / "v"), 3, 2, 16, **lists, validation=lists["test"], delimiter=" "
    )
    splits = spec.load()
    assert splits.classes == ("jump", "run") and labels(splits.test).tolist() == [1, 0]
    (tmp_path / "test.txt").write_text("run/2.mp4 2\njump/3.mp4 1\n")
    assert labels(spec.load().test).tolist() == [1, 0] and spec.load().classes == ("1", "2")
    (tmp_path / "test.txt").write_text("run/2.mp4 5\n")
    with pytest.raises(UserError, match="the class '5', which train lacks"):
        spec.load()
    flat = VideoFolder(str(tmp_path / "v" / "run"), 3, 2, 16, fraction=0.25)
    write(tmp_path / "v" / "run" / "4.mp4", 12)
    write(tmp_path / "v" / "run" / "5.mp4", 12)
    assert set(flat.load().train[0]) == {"video"} and flat.load().classes == ()


def test_files_that_cannot_be_used_are_named_in_one_sentence(tmp_path, monkeypatch):
    root = tmp_path / "v"
    good, bad = write(root / "run" / "0.mp4"), root / "run" / "1.mp4"
    spec = VideoFolder(str(root), frames=4, stride=2, size=16)
    for content, words in (
        (b"", "is not a readable video"),
        (b"no video at all", "is not a readable video"),
        (good.read_bytes()[:300], "is not a readable video"),
        (write(tmp_path / "short.mp4", 5).read_bytes(), "has 5 frames, and 4 at steps of 2 need 7"),
    ):
        bad.write_bytes(content)
        with pytest.raises(UserError, match=words) as caught:
            spec.load()
        assert str(bad) in str(caught.value) and "\n" not in str(caught.value)
    (root / "run" / "2.mp4").write_bytes(b"")
    with pytest.raises(UserError, match=r"\(1 more files cannot be used\)"):
        spec.load()
    with pytest.raises(UserError, match="112, 1 and 2"):
        VideoFolder(str(root), channels=2).load()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"pip install jssl\[video\]"):
        spec.load()


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs files of other people")
def test_files_of_other_people_are_read_as_from_the_beginning():
    cut = Cut(frames=4, stride=8, size=32, channels=3, clips=2)
    for name, count in (("demo.mp4", 280), ("test.avi", 164)):
        starts = (0, count - 25)
        asked = {first + 8 * k for first in starts for k in range(4)}
        with av.open(str(SHARED / name)) as container:
            decoded = enumerate(container.decode(video=0))
            frames = {k: frame.to_image() for k, frame in decoded if k in asked}
        for clip, first in enumerate(starts):
            found = read_clip(SHARED / name, clip, cut)
            wanted = [to_array(frames[first + 8 * k], 32, 3) for k in range(4)]
            np.testing.assert_array_equal(found, wanted)
    splits = VideoFolder(str(SHARED), frames=4, stride=8, size=32, fraction=0.34).load()
    found = [read_all(part)["video"] for part in (splits.train, splits.validation, splits.test)]
    assert [clip.shape for clip in found] == [(1, 4, 32, 32, 3)] * 3
    assert min(clip.std() for clip in found) > 10


@pytest.mark.parametrize(
    ("name", "codec", "options", "words"),
    [
        ("a.mkv", "mpeg4", {}, "of the 8.0 seconds"),
        ("a.webm", "libvpx", {}, "of the 8.0 seconds"),
        ("a.mp4", "libx264", {"movflags": "faststart"}, "of the 200 frames"),
        ("a.avi", "mpeg4", {}, "of the 200 frames"),
    ],
)
def test_a_file_that_is_cut_short_is_noted(tmp_path, caplog, name, codec, options, words):
    file = tmp_path / "cat" / name
    write_noise(file, 200, codec=codec, options=options)
    whole = read_packets(file)
    assert len(whole.times) == 200 and whole.lacking is None
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    times, lacking = read_packets(file)
    assert 20 < len(times) < 180 and words in lacking
    assert read_clip(file, 0, Cut(4, 2, 16, 3, 1)).shape == (4, 16, 16, 3)
    assert f"{file} is cut short" in caplog.text
    caplog.clear()
    (tmp_path / "dog").mkdir()
    for copy in (tmp_path / "dog" / name, tmp_path / "dog" / f"b{name}"):
        write_noise(copy, 200, codec=codec, options=options)
    splits = VideoFolder(str(tmp_path), 4, size=16, fraction=0.3).load()
    for part in (splits.train, splits.validation, splits.test):
        read_all(part)
    (record,) = [r for r in caplog.records if "cut short" in r.getMessage()]
    assert "1 files are cut short" in record.getMessage() and name in record.getMessage()


def write_noise(path, frames, *, codec, options):
    """A video whose frames take space, so that a part of the file is a part of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (frames, 32, 48, 3), np.uint8)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.bit_rate = 400_000
        for pixels in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", ["../a.mp4", "/etc/passwd", "x/../../a.mp4"])
def test_lists_name_no_file_outside_of_the_folder(tmp_path, name):
    write(tmp_path / "videos" / "a.mp4")
    write(tmp_path / "a.mp4")
    (tmp_path / "list.csv").write_text(f"a.mp4,cat\n{name},dog\n")
    with pytest.raises(UserError, match=r"list\.csv names the file .*, which is not inside"):
        VideoFolder(str(tmp_path / "videos"), train=str(tmp_path / "list.csv")).load()


def test_a_video_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "a.mp4")
    monkeypatch.setenv("JSSL_PIXEL_LIMIT", "1000")
    with pytest.raises(UserError, match=r"a\.mp4 has 48 x 32 = more than 1000 pixels"):
        read_clip(tmp_path / "a.mp4", 0, Cut(4, 2, 16, 3, 1))
