import chex
import numpy as np
import pytest

from jssl.data.clips import ACTIONS, FIGURES, MovingShapes, render
from jssl.data.silhouettes import NAMES
from jssl.errors import UserError

CLIPS = render(0, 0, 54, frames=6, noise=0.0)


def figures(action: str) -> np.ndarray:
    """Masks [N, 6, 32, 32] of the clips with an action."""
    return CLIPS["figure"][CLIPS["label"] == ACTIONS.index(action)]


def centre(masks: np.ndarray) -> np.ndarray:
    """(column, row) of the figures in [0, 32), [N, T, 2], on a picture whose sides are joined."""
    turn = np.exp(2j * np.pi * np.arange(32) / 32)
    parts = [masks.sum(2) @ turn, masks.sum(3) @ turn]
    return np.angle(np.stack(parts, axis=-1)) * 32 / (2 * np.pi) % 32


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The short way from b to a, in pixels."""
    return (a - b + 16) % 32 - 16


def test_figures_move_as_their_class_says():
    wanted = {"right": (0, 1), "left": (0, -1), "up": (1, -1), "down": (1, 1)}
    for action, (axis, sign) in wanted.items():
        middle = centre(figures(action))
        steps = apart(middle[:, 1:], middle[:, :-1])
        assert (sign * steps[..., axis] > 0.8).all(), action
        np.testing.assert_allclose(steps[..., 1 - axis], 0, atol=0.5)
    for action, sign in (("growing", 1), ("shrinking", -1)):
        assert (sign * np.diff(figures(action).sum((2, 3)), axis=1) > 0).all(), action
    still = CLIPS["label"] == ACTIONS.index("still")
    frames = CLIPS["video"][still]
    assert (frames == frames[:, :1]).all()


def test_clockwise_is_clockwise():
    """The head of an arrow, off which its centre of mass lies, goes round the centre."""
    batch = render(3, 0, 180, frames=9, noise=0.0)
    place = 16 * np.stack([batch["factor/x"], batch["factor/y"]], axis=-1) + 15.5
    arm = apart(centre(batch["figure"]), place[:, None])
    turn = np.diff(np.unwrap(np.arctan2(arm[..., 1], arm[..., 0])), axis=1).sum(1)
    arrows = batch["factor/shape"] == NAMES.index("arrow")
    for action, sign in (("clockwise", 1), ("anticlockwise", -1)):
        own = arrows & (batch["label"] == ACTIONS.index(action))
        # Rows go down, so an angle that grows is clockwise.
        assert own.any() and (sign * turn[own] > 0.5).all(), action


def test_what_a_frame_shows_says_nothing_of_a_drift():
    """Grey, place and figure are alike whatever the action; all of them occur."""
    batch = render(1, 0, 900, frames=2, size=16)
    drift = [ACTIONS.index(name) for name in ("right", "left", "up", "down")]
    means = np.stack([batch["video"][batch["label"] == k].mean((0, 4)) for k in drift])
    assert np.abs(means - means.mean(0)).max() < 40  # of 256, from 100 clips each
    assert set(batch["factor/shape"]) == {NAMES.index(name) for name in FIGURES}
    assert "disc" not in FIGURES


def test_a_larger_set_begins_with_the_smaller_one():
    few = MovingShapes(train=18, validation=9, test=9, frames=2, size=16).load()
    more = MovingShapes(train=70, validation=9, test=9, frames=2, size=16).load()
    chex.assert_trees_all_equal(few.train[:], more.train[:18])
    assert not np.array_equal(few.validation[:]["video"], few.test[:]["video"])
    assert few.classes == ACTIONS and few.train[0]["video"].shape == (2, 16, 16, 1)
    with pytest.raises(UserError, match="at least 2 frames of at least 16 pixels, not 1 of 32"):
        MovingShapes(frames=1).load()
