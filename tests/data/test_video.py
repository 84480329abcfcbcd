import numpy as np
import pytest

from jssl.data.radar_clips import RadHARClips
from jssl.data.video import Clips
from jssl.errors import UserError

VIDEO = np.random.default_rng(0).integers(0, 256, size=(20, 3, 4, 5, 3), dtype=np.uint8)
LABEL = np.arange(20) % 2


def test_clips_of_one_file_are_carved_or_split_as_it_says(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, video=VIDEO[..., 0], label=LABEL, classes=["run", "jump"])
    splits = Clips(str(path)).load()
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [16, 2, 2]
    assert splits.train[0]["video"].shape == (3, 4, 5, 1)
    assert splits.classes == ("run", "jump") and splits.name == "own"
    np.savez(path, train_video=VIDEO[:15], test_video=VIDEO[15:], validation_video=VIDEO[:3])
    splits = Clips(str(path)).load()  # without labels
    np.testing.assert_array_equal(splits.test[:]["video"], VIDEO[15:])
    assert set(splits.train[0]) == {"video"} and len(splits.validation) == 3


def test_clips_say_what_is_wrong_in_one_sentence(tmp_path):
    path = tmp_path / "own.npz"
    for arrays, message in (
        ({"clips": VIDEO}, "holds the arrays clips; it needs video uint8"),
        ({"video": VIDEO / 255}, r"not float64 \[20, 3, 4, 5, 3\]"),
        ({"train_video": VIDEO, "test_video": VIDEO[:, :2]}, "in all splits alike"),
        ({"train_video": VIDEO, "train_label": LABEL, "test_video": VIDEO}, "no test_label"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(UserError, match=message):
            Clips(str(path)).load()


def test_radar_pictures_count_the_points_of_their_moment(tmp_path):
    """Four recordings of one point a frame, which goes up; and one far away, which is not seen."""
    frames, labels = 12, np.array([0, 0, 1, 1])
    xyz = np.zeros((4, frames, 2, 3))
    xyz[:, :, 0] = np.linspace(-0.5, 0.5, frames)[:, None] * np.array([0, 0, 1])
    xyz[:, 0, 1] = 5.0
    path = tmp_path / "radhar.npz"
    np.savez(
        path,
        xyz_x512=np.round(512 * xyz).astype(np.int16).reshape(-1, 3),
        frame_offsets=np.arange(4 * frames + 1) * 2,
        recording_offsets=np.arange(5) * frames,
        recording_label=labels,
        recording_is_test=np.array([False, True, False, True]),
        class_names=np.array(["box", "walk"]),
    )
    spec = RadHARClips(str(path), frames=10, step=1, images=5, size=8, reach=1.0, fraction=0.5)
    with pytest.raises(UserError, match="not a multiple of 4 pictures"):
        RadHARClips(str(path), frames=10, images=4, fraction=0.01).load()
    with pytest.raises(UserError, match="validation recordings have no window"):
        RadHARClips(str(path), frames=10, step=1, images=5, fraction=0.01).load()
    clip = spec._clip(xyz[0].reshape(-1, 3), np.arange(0, 21, 4))
    assert clip.shape == (5, 8, 8, 3)
    assert RadHARClips(str(path)).smoke().load().train[0]["video"].shape == (12, 32, 32, 3)
    # Every other point stands in the middle; the median is there as well.
    front, above = clip[..., 0].astype(int), clip[..., 1]
    assert above.sum() == above[:, 3:5, 4].sum()  # seen from above nothing moves
    rows = [np.average(np.arange(8), weights=frame.sum(1)) for frame in front]
    assert rows[0] > rows[2] > rows[4]  # upwards
    np.testing.assert_allclose(front.sum((1, 2)), [3 * 64] + [4 * 64] * 4, atol=1)
